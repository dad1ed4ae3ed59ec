"""The customer portal: people look after what they receive and what is kept about them, without an account."""
