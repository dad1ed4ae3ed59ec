"""What the pages of the connections show, each in a constant number of queries."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts.models import IdentifierKind
from contacts.queries import FIELD_LABELS
from integrations.crm.registry import CONNECTORS
from integrations.models import Conflict, Connection, DeadLetter, ExternalRecord, Mapping, SyncLog, SyncOutbox, SyncRun
from integrations.syncing.conflicts import DECISIONS, TAKEN_BACK_WITHIN

SHOWN = 50
SETTLED_SHOWN = 10
State = Connection.State


@dataclass(frozen=True)
class Health:
    """One connection and how it is."""

    connection: Connection
    kind_label: Any
    linked: int
    waiting: int
    conflicts: int
    refused: int
    run: SyncRun | None

    @property
    def tone(self) -> str:
        """The colour of its state; one that waits for its first run is in none."""
        if self.connection.paused or self._is_new:
            return ""
        return {State.WORKING: "good", State.FAILING: "warn"}.get(State(self.connection.state), "bad")

    @property
    def calls_a_day(self) -> int:
        """About how many calls asking for changes costs in a day without any."""
        return calls_a_day(self.connection.kind, self.connection.poll_seconds)

    @property
    def word(self) -> Any:
        if self.connection.paused:
            return _("Paused")
        return _("Not filled yet") if self._is_new else self.connection.get_state_display()

    @property
    def _is_new(self) -> bool:
        return self.connection.state == State.WORKING and not self.connection.cursor


@dataclass(frozen=True)
class LogLine:
    """One line of the log, field by field: what stood there before and stands there now."""

    line: SyncLog
    changes: list[tuple[str, str, str]]


def calls_a_day(kind: str, poll_seconds: int) -> int:
    """About how many calls of the other system's it takes to ask for changes so often."""
    return 86400 * CONNECTORS[kind].calls_per_poll // max(poll_seconds, 1)


def connections_with_health() -> list[Health]:
    """All of the account's, by name. Six queries."""
    rows = list(Connection.scoped().order_by("name", "pk"))
    return _healths(rows)


def health_of(connection: Connection) -> Health:
    return _healths([connection])[0]


def _healths(rows: list[Connection]) -> list[Health]:
    ids = [row.pk for row in rows]
    linked = _counts(ExternalRecord.scoped().filter(state=ExternalRecord.State.LIVE), ids)
    waiting = _counts(SyncOutbox.scoped(), ids)
    conflicts = _counts(Conflict.scoped().filter(state=Conflict.State.OPEN), ids)
    refused = _counts(DeadLetter.scoped(), ids)
    runs = {run.connection_id: run for run in SyncRun.unfinished().filter(connection__in=ids)}
    return [
        Health(
            connection=row,
            kind_label=CONNECTORS[row.kind].label,
            linked=linked.get(row.pk, 0),
            waiting=waiting.get(row.pk, 0),
            conflicts=conflicts.get(row.pk, 0),
            refused=refused.get(row.pk, 0),
            run=runs.get(row.pk),
        )
        for row in rows
    ]


def _counts(rows: Any, ids: list[int]) -> dict[int, int]:
    found = rows.filter(connection__in=ids).values("connection").annotate(count=Count("pk")).values_list("connection", "count")
    return dict(found)


def latest_run(connection: Connection) -> SyncRun | None:
    return SyncRun.scoped().filter(connection=connection).order_by("-created_at", "-pk").first()


def open_conflicts(connection: Connection) -> list[tuple[str, Conflict]]:
    """What waits for a person, the oldest first, with what its field is called."""
    rows = Conflict.scoped().filter(connection=connection, state=Conflict.State.OPEN)
    rows = rows.select_related("record__profile__contact", "record__alias_of__profile__contact").order_by("created_at", "pk")
    return [(field_label(row.field), row) for row in rows[:SHOWN]]


def settled_lately(connection: Connection) -> list[tuple[str, Conflict]]:
    """What people answered in the last two weeks, the latest first, with what its field is called."""
    answers = {answer for answers in DECISIONS.values() for answer in answers}
    since = timezone.now() - TAKEN_BACK_WITHIN
    rows = Conflict.scoped().filter(connection=connection, state=Conflict.State.SETTLED, decision__in=answers, decided_at__gte=since)
    rows = rows.select_related("record__profile__contact", "record__alias_of__profile__contact", "decided_by__user")
    return [(field_label(row.field), row) for row in rows.order_by("-decided_at", "-pk")[:SETTLED_SHOWN]]


def refused_records(connection: Connection) -> list[DeadLetter]:
    return list(DeadLetter.scoped().filter(connection=connection).select_related("profile__contact").order_by("-tried_at", "-pk")[:SHOWN])


def log_of(connection: Connection, *, before: int | None = None) -> list[LogLine]:
    """The latest lines, or those before the one with the id ``before``."""
    rows = SyncLog.scoped().filter(Q(pk__lt=before) if before else Q(), connection=connection)
    found = rows.select_related("record__profile__contact").order_by("-pk")[:SHOWN]
    return [LogLine(row, _changes(row)) for row in found]


def _changes(row: SyncLog) -> list[tuple[str, str, str]]:
    said = [(field_label(name), _said(row.before.get(name)), _said(row.after[name])) for name in row.after]
    return [(label, before, after) for label, before, after in said if before or after]


def mapping_of(connection: Connection) -> list[tuple[str, Mapping]]:
    """Every line with what our side of it is called."""
    rows: Iterable[Mapping] = Mapping.scoped().filter(connection=connection).order_by("pk")
    return [(field_label(row.ours), row) for row in rows]


def field_label(name: str) -> str:
    """What people call one of our fields."""
    if name == "kind":
        return ""
    kinds = dict(IdentifierKind.choices)
    label = kinds.get(name) or FIELD_LABELS.get(name) or {"into": _("Into")}.get(name)
    return str(label or name.replace("_", " "))


def _said(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("theirs", list(value))
    return ", ".join(str(each) for each in value) if isinstance(value, list) else "" if value is None else str(value)


def connection_names(profile_ids: Collection[int]) -> dict[int, str]:
    """The profiles that records of connections are, with the connection's name: what an agent calls that system."""
    return dict(ExternalRecord.scoped().filter(profile__in=profile_ids).values_list("profile_id", "connection__name"))
