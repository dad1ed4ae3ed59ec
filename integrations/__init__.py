"""The outside: channels, and later business systems, outgoing webhooks, import and export."""
