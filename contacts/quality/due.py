"""Mark the contacts whose score has to be worked out anew. It costs one small update; nobody waits for the work itself."""

from collections.abc import Iterable

from django.db import transaction

from contacts.models import Contact


def mark_due(contact_ids: Iterable[int]) -> None:
    """Something about the contacts changed. Cheap: nothing is worked out, and what is due already is not written again."""
    ids = sorted(set(contact_ids))
    waiting = Contact.scoped().filter(pk__in=ids, quality_due=False)
    if len(ids) > 1:
        # In one order, so that two who change the same people wait for each other instead of blocking each other.
        with transaction.atomic():
            ids = list(waiting.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
            Contact.scoped().filter(pk__in=ids).update(quality_due=True)
    elif ids:
        waiting.update(quality_due=True)


def follow_change(*, contact_ids: Iterable[int], **_signal: object) -> None:
    """Receiver of ``contacts_changed``."""
    mark_due(contact_ids)
