"""One folder per channel kind. They do not import each other."""
