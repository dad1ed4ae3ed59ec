"""Say that contacts are different people, before anything joined them."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record
from accounts.roles import Ability, require
from contacts.announcements import contacts_changed
from contacts.merging import Refused, hold_profiles_of, mark_never_merge
from contacts.models import Contact, MergeSuggestion, Profile

State = MergeSuggestion.State


@transaction.atomic
def tell_apart(*, contacts: Sequence[Contact], by: Actor, reason: str = "") -> list[int]:
    """Mark all of the contacts as different people, each from each: nothing joins them by itself from now on.

    An emptied contact stands for the one that shows its profile now. What was suggested about them is rejected with it. Returns the
    ids of the contacts. Raises ``Refused`` where two of them are one contact, ``PermissionDenied``.
    """
    require(by, Ability.MERGE_CONTACTS)
    profiles = hold_profiles_of(contact.pk for contact in contacts)
    parts: dict[int, list[Profile]] = {}
    for profile in profiles:
        parts.setdefault(profile.contact_id, []).append(profile)
    if len(parts) < 2 or len(parts) < len({contact.pk for contact in contacts}):
        raise Refused(_("They are one contact: separate them instead."), code="already_one")
    mark_never_merge(list(parts.values()), by=by, reason=reason)
    open_ones = MergeSuggestion.scoped().filter(state__in=(State.OPEN, State.DEFERRED), low__contact__in=parts, high__contact__in=parts)
    open_ones.update(state=State.REJECTED, decided_by=by.membership, decided_at=timezone.now())
    ids = sorted(parts)
    record(actor=by, action="contact.never_merge", target=Contact(pk=ids[0]), contacts=ids, reason=reason)
    contacts_changed.send(sender=Contact, contact_ids=ids)
    return ids
