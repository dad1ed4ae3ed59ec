"""Conversations, messages, the way in, the way out, and what open screens are told."""
