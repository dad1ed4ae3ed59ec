"""How good the data about each contact is, what to fix, and the work of fixing it: score, review campaigns, cleaning, figures."""
