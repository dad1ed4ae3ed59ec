"""People, conversations and consents as files."""
