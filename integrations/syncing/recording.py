"""The log: what happened to each record, before and after."""

from collections.abc import Mapping
from typing import Any

from integrations.models import Connection, ExternalRecord, SyncLog

Action = SyncLog.Action


def note(
    action: str,
    *,
    connection: Connection,
    record: ExternalRecord | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write one line, in the transaction of what it tells of."""
    SyncLog.objects.create(connection=connection, record=record, action=action, before=dict(before or {}), after=dict(after or {}))
