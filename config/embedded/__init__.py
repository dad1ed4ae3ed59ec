"""PostgreSQL and Valkey for whoever has none: started on demand, stopped with their last user.

Settings ask here for an address only when `DATABASE_URL` or `REDIS_URL` is missing. Whoever
asks is a user of the server until its process ends, however it ends. `HILO_VAR` moves the
folder `var/`; `HILO_ENGINES` names another set of engines (`test` trades durability for speed).

Importing this package does nothing and needs neither Django nor the wheels.
"""

from pathlib import Path


class EngineError(RuntimeError):
    """An embedded server cannot be used; the message says why and what to do."""


def database_url() -> str:
    """Start PostgreSQL unless it runs already, and return the address of the database `hilo`.

    The address suits libpq and django-environ: a private Unix socket, superuser `hilo`.
    Blocks up to a minute. Raises `EngineError`.
    """
    from config.embedded.lifecycle import use
    from config.embedded.postgres import Postgres

    return use(Postgres())


def postgres_connection() -> dict[str, str]:
    """Like `database_url`, as the entries of Django's setting `DATABASES`."""
    from config.embedded.postgres import connection_settings

    return connection_settings(database_url())


def redis_url() -> str:
    """Start Valkey unless it runs already, and return its address on 127.0.0.1.

    Blocks up to a minute. Raises `EngineError`.
    """
    from config.embedded.lifecycle import use
    from config.embedded.valkey import Valkey

    return use(Valkey())


def remember_migrations() -> None:
    """Note which migration files made the embedded database what it is.

    To be called after `migrate`; does nothing in a process that uses a database of its own.
    When one of these files changes or goes away, the next start moves the data aside and begins
    with an empty database.
    """
    from config.embedded import fingerprint, places
    from config.embedded.lifecycle import is_in_use
    from config.embedded.postgres import Postgres

    if is_in_use(Postgres()) and not places.is_test():
        fingerprint.write(places.home(Postgres.name))


def postgres_program(name: str) -> Path:
    """Return the path of a client program of the wheel, such as `psql` or `pgbench`."""
    from config.embedded.postgres import Postgres

    return Postgres().program(name)
