"""The pages of the channels, and the one door for files that providers fetch."""
