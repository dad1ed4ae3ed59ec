"""Statements that the models write once, and that are run with other values each time.

Writing a union of many tables takes Django longer than PostgreSQL takes to answer it. What is asked about goes in as arrays, so the
text stays the same however many there are.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection
from django.db.models import CharField, Field, Lookup, QuerySet, Value
from django.db.models.functions import JSONObject


def tagged(tag: str, rows: QuerySet, **fields: Any) -> QuerySet:
    """Rows of one table as (tag, JSON), so that a union can carry them beside those of the others."""
    return rows.order_by().annotate(tag=Value(tag, output_field=CharField()), data=JSONObject(**fields)).values_list("tag", "data")


class Given(str):
    """The name of a value that a statement is run with."""

    __slots__ = ()


class Compared(Lookup):
    """A column beside a ``Given``, which stays among the parameters as it is."""

    prepare_rhs = False
    sql = ""

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        return self.sql % column, (*params, self.rhs)


@Field.register_lookup
class AmongGiven(Compared):
    lookup_name = "among_given"
    sql = "%s = ANY(%%s)"


@Field.register_lookup
class AfterGiven(Compared):
    lookup_name = "after_given"
    sql = "%s > %%s"


Statement = tuple[str, tuple[Any, ...]]


def written(parts: Iterable[QuerySet]) -> Statement:
    """The union of the parts, with a ``Given`` wherever a value is still to come."""
    first, *others = parts
    sql, params = first.union(*others, all=True).query.sql_with_params()
    return sql, tuple(params)


def run(statement: Statement, given: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The rows by their tags."""
    sql, params = statement
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(sql, [given[each] if isinstance(each, Given) else each for each in params])
        for tag, data in cursor.fetchall():
            found[tag].append(json.loads(data))
    return found
