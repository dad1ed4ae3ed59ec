"""What the other system offers, and one of its records read with the mapping: for the page on which a mapping is made. Calls there."""

from dataclasses import dataclass
from typing import Any

from accounts.actors import Actor
from accounts.roles import Ability, require
from integrations.crm.contract import ConnectorError, RemoteProperty, RemoteRecord
from integrations.models import Connection, ExternalRecord, Mapping
from integrations.syncing.opening import Desk, open_desk
from integrations.syncing.translating import rule_of, theirs_of


@dataclass(frozen=True)
class Sample:
    """One line with a record's value: as it stands there, and as it would come in; ``is_readable`` is whether it can be read."""

    row: Mapping
    raw: str
    taken: str
    is_readable: bool


@dataclass(frozen=True)
class TryOut:
    """``problem`` says why the other system could not be asked; then there is no schema and no sample."""

    schema: list[RemoteProperty]
    samples: list[Sample]
    problem: str = ""


def try_out(*, connection: Connection, by: Actor) -> TryOut:
    """Ask for the schema and for one record: the one that was compared last, else the first. Takes as long as the other side does.

    Raises ``PermissionDenied``.
    """
    require(by, Ability.MANAGE_CHANNELS)
    desk = open_desk(connection)
    try:
        schema = desk.connector.describe()
        record = _a_record(desk)
    except ConnectorError as error:
        return TryOut([], [], str(error))
    rows = list(Mapping.scoped().filter(connection=connection).order_by("pk"))
    return TryOut(schema, [_sample(desk, row, record) for row in rows] if record is not None else [])


def _a_record(desk: Desk) -> RemoteRecord | None:
    known = (
        ExternalRecord.scoped().filter(connection=desk.connection, state=ExternalRecord.State.LIVE).order_by("-synced_at", "-pk").first()
    )
    if known is not None and (found := desk.connector.read(known.external_id)) is not None:
        return found
    page = desk.connector.changes("")
    return next((each for each in page.records if not each.is_deleted and not each.merged_into), None)


def _sample(desk: Desk, row: Mapping, record: RemoteRecord) -> Sample:
    raw: Any = record.values.get(row.remote)
    taken = theirs_of([rule_of(row)], record, region=desk.region)
    value: Any = taken.get(row.ours)
    is_empty = raw in (None, "", [], ())
    return Sample(row, _text(raw), _text(sorted(value) if isinstance(value, dict) else value), is_empty or bool(value))


def _text(value: Any) -> str:
    return ", ".join(str(each) for each in value) if isinstance(value, (list, tuple)) else "" if value is None else str(value)
