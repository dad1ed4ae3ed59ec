"""Files of people and of consents, taken in row by row."""
