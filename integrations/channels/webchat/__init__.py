"""The web chat: a widget on the customer's page, a socket that loses nothing, and the people behind one browser."""
