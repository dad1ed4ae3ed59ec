"""The kit of the HTTP API: tokens, permissions, errors, pages, throttling, idempotency."""
