"""Write many rows of one model with one statement, and their history with the same one.

``bulk_create_with_history`` builds every row twice in Python and quotes every value of it: for a million rows that is most of the
work. Here a lot travels as one JSON text, and the database takes the history from the rows that it has just written.
"""

import json
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection, models
from django.db.models.expressions import DatabaseDefault
from django.utils import timezone

from accounts.scope import current_account_id
from accounts.tenancy import TenantModel, claim_for_scope


def draw_ids(model: type[models.Model], count: int) -> list[int]:
    """Ids for rows that name each other before any of them is written."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [model._meta.db_table, count])
        return [row[0] for row in cursor.fetchall()]


def write_rows(rows: Sequence[TenantModel]) -> None:
    """Insert the rows, all of one model, into the account in scope; a kept history says so too, as of nobody.

    A row without an id gets one in the database and does not learn it here. Raises what a single insert would, for all of them.
    """
    if not rows:
        return
    model = type(rows[0])
    for row in rows:
        claim_for_scope(row)
    fields = [field for field in _written(model) if not isinstance(getattr(rows[0], field.attname), DatabaseDefault)]
    if rows[0].pk is None:
        fields = [field for field in fields if not field.primary_key]
    content = [{field.column: field.pre_save(row, add=True) for field in fields} for row in rows]
    names = ", ".join(_quoted(str(field.column)) for field in fields)
    table = _quoted(model._meta.db_table)
    insert = f"INSERT INTO {table} ({names}) SELECT {names} FROM json_populate_recordset(NULL::{table}, %(rows)s)"  # noqa: S608
    parameters: dict[str, Any] = {"rows": json.dumps(content, default=_as_json, ensure_ascii=False)}
    if hasattr(model, "history"):
        insert = f"WITH written AS ({insert} RETURNING *) {_history_of(model, '+')}"
        parameters["now"] = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(insert, parameters)


def rewrite_rows(rows: Sequence[TenantModel], fields: Sequence[str]) -> None:
    """Write these fields of rows that are there already, all of one model; a kept history says so too, as of nobody.

    A row that is gone stays gone. Lock the rows in one order before: the statement takes them in any.
    """
    if not rows:
        return
    model = type(rows[0])
    for row in rows:
        claim_for_scope(row)
    changed = [field for field in _written(model) if field.name in fields]
    content = [{"id": row.pk, **{field.column: field.pre_save(row, add=False) for field in changed}} for row in rows]
    table = _quoted(model._meta.db_table)
    values = ", ".join(f"{name} = said.{name}" for name in (_quoted(str(field.column)) for field in changed))
    update = (
        f"UPDATE {table} SET {values} FROM json_populate_recordset(NULL::{table}, %(rows)s) said "  # noqa: S608
        f"WHERE {table}.id = said.id AND {table}.account_id = %(account)s"
    )
    parameters: dict[str, Any] = {"rows": json.dumps(content, default=_as_json, ensure_ascii=False), "account": current_account_id()}
    if hasattr(model, "history"):
        update = f"WITH written AS ({update} RETURNING {table}.*) {_history_of(model, '~')}"
        parameters["now"] = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(update, parameters)


@cache
def _written(model: type[models.Model]) -> list[Any]:
    return [field for field in model._meta.concrete_fields if not field.generated]


@cache
def _history_of(model: Any, kind: str) -> str:
    history = model.history.model
    columns = ", ".join(_quoted(str(field.column)) for field in history.tracked_fields)
    table = _quoted(history._meta.db_table)
    return f"INSERT INTO {table} ({columns}, history_date, history_type) SELECT {columns}, %(now)s, '{kind}' FROM written"  # noqa: S608


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)


def _as_json(value: Any) -> str:
    # The encoder of Django cuts moments to milliseconds.
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a row.")
