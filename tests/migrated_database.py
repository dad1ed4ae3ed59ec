"""The test database as a copy of one that was migrated before: the tests begin seconds after they are asked for."""

import hashlib
from contextlib import suppress
from pathlib import Path

from django.apps import apps
from django.db import connections
from django.db.utils import DatabaseError

PREFIX = "hilo_migrated_"


def use_migrated_copy() -> bool:
    """Let Django copy the migrated database, if there is one that all of today's migration files made; returns whether there is.

    ``migrate`` runs on the copy as on every other database, so whatever follows migrations (row security, shipped rules) is of today.
    """
    connection = connections["default"]
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", [_name()])
        is_there = cursor.fetchone() is not None
    if is_there:
        connection.settings_dict["TEST"]["TEMPLATE"] = _name()
    return is_there


def keep_migrated_copy() -> None:
    """Keep a copy of the test database as it is now, in the place of those that older migrations made. Nobody may be connected to it."""
    connection = connections["default"]
    connection.close()
    made = connection.settings_dict["NAME"]
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s) AND datname <> %s", [PREFIX, _name()])
        for (older,) in cursor.fetchall():
            # Another session may copy it at this moment.
            with suppress(DatabaseError):
                cursor.execute(f'DROP DATABASE IF EXISTS "{older}"')
        # Another worker may have been quicker.
        with suppress(DatabaseError):
            cursor.execute(f'CREATE DATABASE "{_name()}" TEMPLATE "{made}"')


def _name() -> str:
    digest = hashlib.sha256()
    for app in sorted(apps.get_app_configs(), key=lambda app: app.name):
        for path in sorted(Path(app.path, "migrations").glob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return f"{PREFIX}{digest.hexdigest()[:16]}"
