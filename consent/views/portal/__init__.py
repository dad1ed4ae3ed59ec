"""``/p/<account>/``: the customer portal. A file for each group of screens."""
