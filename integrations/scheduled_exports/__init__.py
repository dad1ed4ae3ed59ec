"""Tables of the account, written for a warehouse every day or week, with a manifest."""
