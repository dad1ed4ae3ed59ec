"""A dry run: the very same work on every record, each in a transaction that is taken back."""

from collections.abc import MutableMapping
from typing import Any

from django.db import transaction

from integrations.crm.contract import Page, RemoteRecord
from integrations.models import SyncOutbox
from integrations.syncing.brake import Brake
from integrations.syncing.opening import Desk
from integrations.syncing.pulling import deleted_in, missing_records, take_or_bury
from integrations.syncing.reconciling import find_gone

WORDS = ("new", "changed", "same", "conflict", "gone", "merged", "erased", "refused", "ignored")


def rehearse_page(desk: Desk, page: Page, figures: MutableMapping[str, Any]) -> int:
    """Count what would become of the page's records, ``joins`` (new records of people who are known), ``sends`` (records that would
    hear something from us) and ``deleted`` (records we know that are no longer there, whatever is to become of them here) among them.

    Each record is looked at on its own: two new records of one unknown person both count as new people.
    """
    gone = missing_records(desk, page.every_id) if page.every_id is not None else []
    figures["deleted"] = figures.get("deleted", 0) + len(gone) + deleted_in(desk, page)
    for remote in page.records:
        for word in _rehearse(desk, remote):
            figures[word] = figures.get(word, 0) + 1
    figures["gone"] = figures.get("gone", 0) + len(gone)
    _judge(desk, figures)
    return len(page.records)


def rehearse_reconciling(desk: Desk, figures: MutableMapping[str, Any]) -> None:
    """What the next asking for changes would find gone, because it was deleted longer ago than it is told."""
    figures["deleted"] = figures.get("deleted", 0) + len(find_gone(desk))
    _judge(desk, figures)


def _judge(desk: Desk, figures: MutableMapping[str, Any]) -> None:
    figures["brakes"] = Brake.of(desk.connection).would_stop(changes=figures.get("changed", 0), gone=figures["deleted"])


def _rehearse(desk: Desk, remote: RemoteRecord) -> list[str]:
    with transaction.atomic():
        waiting = SyncOutbox.scoped().filter(connection=desk.connection).count()
        outcome = take_or_bury(desk=desk, remote=remote)
        words = [outcome.word if outcome else "refused"]
        if outcome is not None and outcome.record is not None:
            profile = outcome.record.profile
            if outcome.word == "new" and profile.home_id != profile.contact_id:
                words.append("joins")
            if SyncOutbox.scoped().filter(connection=desk.connection).count() > waiting:
                words.append("sends")
        transaction.set_rollback(True)
    return words
