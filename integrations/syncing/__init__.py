"""Keep our people and the records of other systems in step, both ways."""
