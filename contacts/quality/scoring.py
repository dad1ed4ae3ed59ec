"""The score of each contact: worked out from the rules whenever it is asked for, and kept on the contact for lists and filters.

What is kept is a projection. Whatever changes a contact marks it as due, which costs one small update and no wait; a worker renews
what is due within a minute, and everybody each night, because silence grows by itself.
"""

from collections.abc import Iterable, Iterator

from django.utils import timezone

from accounts.models import Account
from accounts.scope import current_account_id
from contacts.models import Contact
from contacts.quality.reading import known_of
from contacts.quality.rules import Assessment, assess, staleness

AT_ONCE = 500


def assess_contacts(contacts: Iterable[Contact]) -> dict[int, Assessment]:
    """Contact id → its score and what there is to fix, as of now. Seven queries."""
    rows = list(contacts)
    now = timezone.now()
    stale_after = staleness(Account.objects.only("stale_after_months").get(pk=current_account_id()).stale_after_months)
    known = known_of(rows, kept_since=now - stale_after)
    return {pk: assess(each, now=now, stale_after=stale_after) for pk, each in known.items()}


def renew_due(*, limit: int = 5000) -> int:
    """Renew what is marked, and give how many there were. Call it outside a transaction: nobody should wait for it."""
    renewed = 0
    while renewed < limit:
        ids = list(Contact.scoped().filter(quality_due=True).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
        if not ids:
            break
        renew(ids)
        renewed += len(ids)
    return renewed


def renew_everybody() -> tuple[int, int]:
    """Renew every contact of the account; (contacts that were looked at, those whose score or problems changed)."""
    seen = changed = 0
    for ids in _batches():
        seen += len(ids)
        changed += renew(ids)
    return seen, changed


def renew(contact_ids: Iterable[int]) -> int:
    """Work the contacts out anew; gives how many changed. What changes meanwhile is marked again, because the mark goes first."""
    ids = sorted(contact_ids)
    Contact.scoped().filter(pk__in=ids, quality_due=True).update(quality_due=False)
    contacts = list(Contact.scoped().filter(pk__in=ids).order_by("pk"))
    shown = [contact for contact in contacts if not contact.is_empty and not contact.is_anonymous]
    assessed = assess_contacts(shown)
    changed = 0
    for contact in contacts:
        found = assessed.get(contact.pk)
        score, problems = (found.score, found.problems) if found else (None, [])
        if (contact.quality, contact.problems) != (score, problems):
            # One row at a time: a lock on many would make messages wait.
            Contact.scoped().filter(pk=contact.pk).update(quality=score, problems=problems)
            changed += 1
    return changed


def _batches() -> Iterator[list[int]]:
    last = 0
    while ids := list(Contact.scoped().filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
        yield ids
        last = ids[-1]
