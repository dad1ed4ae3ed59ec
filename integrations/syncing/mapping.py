"""Add, change and remove lines of a mapping. What a line meant before is forgotten with it: both sides are compared anew."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Func, JSONField, Value
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import auditing
from accounts.actors import Actor
from accounts.roles import Ability, require
from integrations.crm.contract import RemoteProperty
from integrations.models import Conflict, Connection, ExternalRecord, Mapping
from integrations.syncing.mapping_lines import MOST_LINES, Line, checked


@transaction.atomic
def add_line(*, connection: Connection, line: Line, schema: Sequence[RemoteProperty], by: Actor) -> Mapping:
    """Keep one more field in step: of each record from its next change on, of all with the next back-fill.

    Raises ``ValidationError`` keyed by what is wrong, ``PermissionDenied``.
    """
    require(by, Ability.MANAGE_CHANNELS)
    locked = Connection.objects.select_for_update().get(pk=connection.pk)
    others = list(Mapping.scoped().filter(connection=locked))
    if len(others) >= MOST_LINES:
        raise ValidationError({"ours": _("There are %(most)d lines already.") % {"most": MOST_LINES}})
    row = Mapping.objects.create(connection=locked, **checked(line, schema=schema, others=others))
    _note(row, by)
    return row


@transaction.atomic
def rewrite_line(*, row: Mapping, line: Line, schema: Sequence[RemoteProperty], by: Actor) -> Mapping:
    """Another property, type or table of values for the same field of ours. Raises as ``add_line``."""
    require(by, Ability.MANAGE_CHANNELS)
    locked = Mapping.objects.select_for_update().select_related("connection").get(pk=row.pk)
    others = list(Mapping.scoped().filter(connection=locked.connection_id).exclude(pk=locked.pk))
    columns = checked(Line(**{**vars(line), "ours": locked.ours}), schema=schema, others=others)
    means = ("remote", "type", "is_several", "choices")
    is_other = any(getattr(locked, name) != columns[name] for name in means)
    for name, value in columns.items():
        setattr(locked, name, value)
    locked.save(update_fields=list(columns))
    if is_other:
        _forget(locked)
    _note(locked, by)
    return locked


@transaction.atomic
def remove_line(*, row: Mapping, by: Actor) -> None:
    """Keep the field in step no more. What either side says of it stays. Raises ``PermissionDenied``."""
    require(by, Ability.MANAGE_CHANNELS)
    locked = Mapping.objects.select_for_update().select_related("connection").get(pk=row.pk)
    _forget(locked)
    auditing.record(actor=by, action="connection.mapping", target=locked.connection, field=locked.ours, removed=True)
    locked.delete()


def _note(row: Mapping, by: Actor) -> None:
    Connection.scoped().filter(pk=row.connection_id).update(next_pull_at=timezone.now())
    said: dict[str, Any] = {"field": row.ours, "direction": row.direction, "policy": row.policy}
    auditing.record(actor=by, action="connection.mapping", target=row.connection, **said)


def _forget(row: Mapping) -> None:
    """The field's place in what both sides last agreed on, and what waits for a person about it."""
    without = Func(F("base"), Value(row.ours), template="(%(expressions)s)", arg_joiner=" - ", output_field=JSONField())
    ExternalRecord.scoped().filter(connection=row.connection_id, base__has_key=row.ours).update(base=without)
    waiting = Conflict.scoped().filter(connection=row.connection_id, kind=Conflict.Kind.FIELD, field=row.ours, state=Conflict.State.OPEN)
    waiting.update(state=Conflict.State.SETTLED, decision="gone", decided_at=timezone.now())
