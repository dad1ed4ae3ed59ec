"""Chain the ledger: each event's hash covers its content and the hash before it. Done in batches after commit, so writers never queue."""

import hashlib
import json
from datetime import UTC, date, datetime
from typing import Any

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from accounts.scope import current_account_id
from consent.models import ConsentEvent, LedgerAnchor

log = structlog.get_logger("hilo.ledger")

GENESIS = "0" * 64
BATCH = 500
# What an event says. Digests stand for whatever is personal, so the chain still verifies when that is gone.
CONTENT = ("channel", "purpose", "action", "basis", "reason", "possession_proven", "source", "actor_kind", "idempotency_key")


class LedgerBroken(Exception):
    """The end of the chain is not where the anchor says: run ``manage.py verify_ledger`` before anything is sealed behind it."""


def content_of(event: ConsentEvent) -> dict[str, Any]:
    """The canonical content of an event. Needs ``point``, ``notice`` and ``evidence``."""
    content: dict[str, Any] = {name: getattr(event, name) for name in CONTENT}
    content |= {
        "account": event.account_id,
        "event": event.pk,
        "point": event.point.lookup_hmac,
        "profile": event.profile_id,
        "member": event.membership_id,
        "occurred_at": event.occurred_at.astimezone(UTC).isoformat(),
        "recorded_at": event.recorded_at.astimezone(UTC).isoformat(),
        "notice": event.notice.sha256 if event.notice else None,
        "retracts": event.retracts_id,
        "evidence": event.evidence.sha256 if event.evidence else None,
    }
    return content


def hash_of(event: ConsentEvent, *, sequence: int, previous_hash: str) -> str:
    """SHA-256 of the event's place in the chain and its content, as canonical JSON."""
    stated = {"sequence": sequence, "previous": previous_hash, "content": content_of(event)}
    return hashlib.sha256(json.dumps(stated, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()).hexdigest()


@transaction.atomic
def seal(*, batch: int = BATCH) -> int:
    """Seal events of the account that are not sealed yet, at most ``batch``; move today's anchor. Returns how many there were.

    One sealer at a time; a second one waits and finds the rest. Raises ``LedgerBroken``.
    """
    with connection.cursor() as cursor:
        name = hashlib.blake2b(f"seal:{current_account_id()}".encode(), digest_size=8).digest()
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(name, "big", signed=True)])
    waiting = list(ConsentEvent.scoped().filter(sequence=None).select_related("point", "notice", "evidence").order_by("pk")[:batch])
    if not waiting:
        return 0
    sequence, head = _head()
    for event in waiting:
        sequence += 1
        event.sequence, event.previous_hash = sequence, head
        event.hash = head = hash_of(event, sequence=sequence, previous_hash=head)
    ConsentEvent.objects.bulk_update(waiting, ["sequence", "previous_hash", "hash"])
    LedgerAnchor.scoped().update_or_create(day=timezone.now().date(), defaults={"sequence": sequence, "hash": head, "exported_at": None})
    return len(waiting)


def _head() -> tuple[int, str]:
    """The last link. Raises ``LedgerBroken`` where the anchors remember another: going on would cover the cut."""
    last = ConsentEvent.scoped().exclude(sequence=None).order_by("-sequence").first()
    anchor = LedgerAnchor.scoped().order_by("-sequence").first()
    head = (last.sequence, last.hash) if last is not None and last.sequence is not None else (0, GENESIS)
    if head != ((anchor.sequence, anchor.hash) if anchor is not None else (0, GENESIS)):
        raise LedgerBroken
    return head


def anchor_path(day: date) -> str:
    return f"ledger/{current_account_id()}/{day.isoformat()}.json"


@transaction.atomic
def export_anchors(*, before: datetime | None = None) -> int:
    """Copy the anchors of days that are over out of the database: to the file storage and to the log. Returns how many.

    Whoever can rewrite the database cannot make these forget what the head was.
    """
    today = (before or timezone.now()).date()
    anchors = list(LedgerAnchor.scoped().select_for_update().filter(exported_at=None, day__lt=today).order_by("day"))
    for anchor in anchors:
        said = {"account": anchor.account_id, "day": anchor.day.isoformat(), "sequence": anchor.sequence, "hash": anchor.hash}
        log.info("ledger_head", **said)
        default_storage.delete(anchor_path(anchor.day))
        default_storage.save(anchor_path(anchor.day), ContentFile(json.dumps(said).encode()))
        anchor.exported_at = timezone.now()
        anchor.save(update_fields=["exported_at"])
    return len(anchors)
