"""Accounts (tenants), people who work in them, channels they own, and the two locks between accounts."""
