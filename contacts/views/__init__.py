"""Pages about people: the directory, one contact, merging by hand."""
