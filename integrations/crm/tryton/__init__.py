"""Tryton, through its JSON-RPC."""
