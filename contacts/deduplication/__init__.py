"""Find contacts that may be one person, say why, and let people (or a strict policy) decide."""
