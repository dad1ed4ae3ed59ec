"""Outgoing webhooks: what happens in the account is written down in its transaction and told to whoever subscribed."""
