"""Systems that keep records of people: each folder translates one of them; ``integrations.syncing`` decides."""
