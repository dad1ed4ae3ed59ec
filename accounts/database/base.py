"""The second lock between accounts: row-level security reads ``hilo.account``, and this backend keeps it true.

The setting is written lazily, when a cursor is asked for and the scope differs from what this connection last had. A
rollback undoes a ``SET`` made inside the transaction, so it also forgets what we believe is set.
"""

from typing import Any

from django.db.backends.postgresql import base
from psycopg import sql

from accounts.scope import scoped_account_id

_UNKNOWN = object()


class DatabaseWrapper(base.DatabaseWrapper):
    _account_set: object = _UNKNOWN

    def get_new_connection(self, conn_params: Any) -> Any:
        # A pooled connection may carry the account of its last user.
        self._account_set = _UNKNOWN
        return super().get_new_connection(conn_params)

    def _configure_role(self, connection: Any) -> bool:
        # Django quotes the role by a cursor of this wrapper, which waits for the pool whose new connection this is.
        role = self.settings_dict["OPTIONS"].get("assume_role")
        if not role:
            return False
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        return True

    def create_cursor(self, name: Any = None) -> Any:
        wanted = scoped_account_id()
        if wanted != self._account_set and self.connection is not None:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT set_config('hilo.account', %s, false)", [str(wanted or "")])
            self._account_set = wanted
        return super().create_cursor(name)

    def _rollback(self) -> None:
        self._account_set = _UNKNOWN
        super()._rollback()  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        self._account_set = _UNKNOWN
