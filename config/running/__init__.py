"""Setting up and running Hilo on one machine: what `make run` and `make test` do."""
