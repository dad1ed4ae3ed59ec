"""An identifier that its person no longer uses: it ends, and lives again when they are heard from by it."""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from simple_history.utils import bulk_update_with_history

from accounts.actors import Actor
from accounts.auditing import record
from accounts.roles import Ability, require
from contacts.announcements import contacts_changed
from contacts.block_keys import renew_keys
from contacts.marking import shared_key
from contacts.merging import Refused, hold_profiles_of
from contacts.models import Contact, EndReason, Identifier, Source
from contacts.survivorship import refresh


@transaction.atomic
def end_identifier(*, identifier: Identifier, by: Actor) -> list[int]:
    """End the value with the contact that has it, on every profile that carries it; a number ends with its WhatsApp id.

    Nothing is written to it any more and it recognises nobody. Returns the ids of the rows, for ``restore_identifiers``. Raises
    ``Refused`` where it moved or ended meanwhile, ``PermissionDenied``.
    """
    require(by, Ability.EDIT_CONTACTS)
    contact_id = Identifier.scoped().values_list("profile__contact_id", flat=True).get(pk=identifier.pk)
    everybody = {profile.pk: profile.contact_id for profile in hold_profiles_of([contact_id])}
    rows = list(Identifier.scoped().filter(profile__in=everybody, valid_to=None, scope=identifier.scope))
    ending = [row for row in rows if shared_key(row) == shared_key(identifier)]
    if identifier.pk not in {row.pk for row in ending}:
        raise Refused(_("The identifier moved meanwhile: look again."), code="not_here")
    now = timezone.now()
    for row in ending:
        row.valid_to, row.end_reason = now, EndReason.RETIRED
    shown = everybody[identifier.profile_id]
    _save(ending, shown)
    record(actor=by, action="identifier.end", target=identifier, kind=identifier.kind, value=identifier.value)
    return [row.pk for row in ending]


@transaction.atomic
def restore_identifiers(*, identifier_ids: Iterable[int], by: Actor) -> None:
    """Take the end of these rows back. One that lives again already, or ended for another reason since, stays as it is."""
    require(by, Ability.EDIT_CONTACTS)
    rows = list(Identifier.scoped().filter(pk__in=list(identifier_ids), end_reason=EndReason.RETIRED).select_related("profile"))
    by_contact: dict[int, list[Identifier]] = {}
    for row in rows:
        row.valid_to, row.end_reason = None, ""
        by_contact.setdefault(row.profile.contact_id, []).append(row)
        record(actor=by, action="identifier.restore", target=row, kind=row.kind, value=row.value)
    for contact_id in sorted(by_contact):
        _save(by_contact[contact_id], contact_id)


@transaction.atomic
def end_what_agents_added(*, contact: Contact, kind: str, values: Iterable[str], by: Actor) -> list[int]:
    """End values that somebody took out of a system they had been told to; returns the ids of the rows.

    Only what an agent added goes: what another source says of its own accord, like a message from that address, stands until that
    source says otherwise. Raises ``PermissionDenied``.
    """
    require(by, Ability.EDIT_CONTACTS)
    hold_profiles_of([contact.pk])
    added = Identifier.scoped().filter(profile__contact=contact, profile__source=Source.AGENT, kind=kind, valid_to=None)
    rows = list(added.filter(value__in=list(values)))
    now = timezone.now()
    for row in rows:
        row.valid_to, row.end_reason = now, EndReason.RETIRED
        record(actor=by, action="identifier.end", target=row, kind=row.kind, value=row.value)
    if rows:
        _save(rows, contact.pk)
    return [row.pk for row in rows]


def restore_value(*, identifier: Identifier, by: Actor) -> None:
    """The same for whatever of the contact has the value of this identifier. Raises ``PermissionDenied``."""
    contact_id = Identifier.scoped().values_list("profile__contact_id", flat=True).get(pk=identifier.pk)
    rows = Identifier.scoped().filter(profile__contact=contact_id, scope=identifier.scope, end_reason=EndReason.RETIRED)
    restore_identifiers(identifier_ids=[row.pk for row in rows if shared_key(row) == shared_key(identifier)], by=by)


def _save(rows: list[Identifier], contact_id: int) -> None:
    bulk_update_with_history(rows, Identifier, ["valid_to", "end_reason"])
    renew_keys({row.profile_id for row in rows})
    refresh([contact_id])
    contacts_changed.send(sender=Identifier, contact_ids=[contact_id])
