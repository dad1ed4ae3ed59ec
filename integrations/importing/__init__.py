"""Files of people, of conversations and of consents, taken in row by row."""
