"""Our own writes come back to us; nobody changed anything.

After a write both sides of the base are what we sent and what the other system made of it, so that reading it again brings nothing
new. The ledger covers what the base cannot: an index that lags and shows an earlier write of ours after a later one.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from integrations.crm.contract import RemoteRecord
from integrations.models import EchoEntry, ExternalRecord
from integrations.syncing.translating import Ours, Theirs

# Longer than any index lags; what comes back later is compared like anybody's change.
KEPT = timedelta(days=1)


def note_own_write(
    record: ExternalRecord, *, sent: Mapping[str, Ours], answered: RemoteRecord, theirs: Mapping[str, Theirs], whole: bool
) -> None:
    """Call it under the record's lock. ``sent`` are our values of the fields that were written, ``theirs`` what the record says now.

    ``whole``: nothing else changed there since the last comparison, so that the new version is known as a whole.
    """
    for name, value in sent.items():
        record.base[name] = {"ours": value, "theirs": theirs.get(name)}
    if whole:
        record.version = answered.version
    record.modified_at = max(filter(None, [record.modified_at, answered.modified_at]), default=None)
    record.synced_at = timezone.now()
    record.save(update_fields=["base", "version", "modified_at", "synced_at"])
    expires_at = timezone.now() + KEPT
    EchoEntry.objects.bulk_create(
        [EchoEntry(record=record, field=name, digest=digest(theirs.get(name)), expires_at=expires_at) for name in sent],
        update_conflicts=True,
        unique_fields=["account", "record", "field", "digest"],
        update_fields=["expires_at"],
    )


def without_echoes(record: ExternalRecord, remote: RemoteRecord, theirs: Mapping[str, Theirs]) -> dict[str, Theirs]:
    """What the record says, with what we know to stand there in the place of an older write of ours.

    A state that is newer than our last write is nobody's echo, even when it says the same: somebody changed it back.
    """
    if remote.modified_at is None or record.modified_at is None or remote.modified_at >= record.modified_at:
        return dict(theirs)
    entries = EchoEntry.scoped().filter(record=record, expires_at__gt=timezone.now())
    own = set(entries.values_list("field", "digest"))
    return {
        name: record.base[name]["theirs"] if (name, digest(value)) in own and name in record.base else value
        for name, value in theirs.items()
    }


def digest(value: Any) -> str:
    """What is kept of a value that we wrote."""
    kept = sorted(value) if isinstance(value, dict) else value
    return hashlib.sha256(json.dumps(kept, ensure_ascii=False).encode()).hexdigest()
