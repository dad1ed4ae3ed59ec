"""Customer data in Segment's language: what sites, apps and platforms tell us, and what we tell them."""
