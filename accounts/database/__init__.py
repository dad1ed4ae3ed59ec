"""PostgreSQL backend that keeps the session's account in step with the scope the code runs in."""
