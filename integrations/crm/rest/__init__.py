"""Any system with a REST interface in JSON, described by settings alone."""
