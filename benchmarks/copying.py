"""Many rows like one: a row that the models made, copied by the database, so that new columns need no mention."""

from collections.abc import Mapping

from django.db import connection, models


def copy_row(like: models.Model, *, each: str, values: Mapping[str, str]) -> int:
    """Insert a copy of ``like`` for every row of ``each``, an item of a FROM clause; returns how many.

    ``values``: column → SQL, over the columns of ``each`` and of ``template``, the row that is copied.
    """
    fields = [field for field in like._meta.concrete_fields if not field.primary_key]
    unknown = set(values) - {field.column for field in fields}
    assert not unknown, f"{like._meta.db_table} has no {unknown}"
    columns = ", ".join(field.column for field in fields)
    copied = ", ".join(values.get(field.column, f"template.{field.column}") for field in fields)
    table = like._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {copied} FROM {table} template, {each} WHERE template.id = {int(like.pk)}")
        return int(cursor.rowcount)
