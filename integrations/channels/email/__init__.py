"""A mailbox as a channel: read by IMAP, written to by SMTP."""
