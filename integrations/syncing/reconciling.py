"""After a silence that is longer than the other system remembers its deletions, every known record is asked for.

A record that is still there is noted as looked at, so that whoever goes on after a refusal asks for the rest only.
"""

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from integrations.models import ExternalRecord
from integrations.syncing.opening import Desk

# How many records are asked for at once.
TOGETHER = 200


def is_due(desk: Desk) -> bool:
    """Whether deletions may have gone unnoticed: changes were last asked for longer ago than deletions are told."""
    remembered, asked = desk.connector.tells_deletions_for, desk.connection.pulled_at
    return timedelta() < remembered < timedelta.max and asked is not None and asked < timezone.now() - remembered


def find_gone(desk: Desk, *, go_on: Callable[[], object] = lambda: None) -> list[str]:
    """Ids of known records that are no longer there. ``go_on`` is called between the questions. Raises the connector's errors."""
    begun = timezone.now()
    live = ExternalRecord.scoped().filter(connection=desk.connection, object_type=desk.object_type, state=ExternalRecord.State.LIVE)
    unseen = live.filter(looked_at__lt=begun - desk.connector.tells_deletions_for).order_by("pk")
    gone: set[str] = set()
    after = 0
    while rows := list(unseen.filter(pk__gt=after).values_list("pk", "external_id")[:TOGETHER]):
        after = rows[-1][0]
        missing = desk.connector.gone([external_id for _pk, external_id in rows])
        live.filter(pk__in=[pk for pk, external_id in rows if external_id not in missing]).update(looked_at=timezone.now())
        gone |= missing
        go_on()
    return sorted(gone)
