"""The demo: two accounts with three months of history, made through the doors that real messages take."""
