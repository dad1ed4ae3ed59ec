"""An identifier that stands with the wrong person goes to the right one, and leads there from now on."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from simple_history.utils import bulk_update_with_history

from accounts.actors import Actor
from accounts.auditing import record
from accounts.roles import Ability, require
from contacts.announcements import contacts_changed
from contacts.block_keys import renew_keys
from contacts.correcting import correction_of
from contacts.merging import Refused, hold_profiles_of
from contacts.models import Contact, EndReason, Identifier
from contacts.survivorship import refresh


@transaction.atomic
def move_identifier(*, identifier: Identifier, to: Contact, by: Actor) -> Identifier:
    """End the value with the contact that has it, on every profile that carries it, and give it to the other one.

    It keeps how sure it is. Raises ``Refused`` where somebody writes from it (then the profile itself is separated), where it
    ended, or where it is there already; ``PermissionDenied``.
    """
    require(by, Ability.MERGE_CONTACTS)
    source = Identifier.scoped().select_related("profile").get(pk=identifier.pk)
    profiles = hold_profiles_of([source.profile.contact_id, to.pk])
    by_id = {profile.pk: profile for profile in profiles}
    anchor = next((profile for profile in profiles if profile.home_id == to.pk), None)
    if source.profile_id not in by_id or anchor is None or source.valid_to is not None:
        raise Refused(_("The identifier moved meanwhile: look again."), code="not_here")
    former_id = by_id[source.profile_id].contact_id
    if anchor.contact_id == former_id:
        raise Refused(_("They are one contact already."), code="already_one")
    holders = [profile.pk for profile in profiles if profile.contact_id == former_id]
    rows = list(Identifier.scoped().filter(profile__in=holders, kind=source.kind, key=source.key, scope=source.scope, valid_to=None))
    if any(by_id[row.profile_id].address == row.value for row in rows):
        raise Refused(_("Somebody writes from it: separate that source instead."), code="is_address")
    now = timezone.now()
    for row in rows:
        row.valid_to, row.end_reason = now, EndReason.MOVED
    bulk_update_with_history(rows, Identifier, ["valid_to", "end_reason"])
    renew_keys({row.profile_id for row in rows})
    target = correction_of(anchor, profiles)
    moved = Identifier.scoped().filter(profile=target, kind=source.kind, key=source.key, scope=source.scope).first()
    moved = moved or Identifier(account_id=source.account_id, profile=target, kind=source.kind, key=source.key, scope=source.scope)
    for name in ("raw", "value", "key_version", "loose_key", "certainty"):
        setattr(moved, name, getattr(source, name))
    moved.valid_from, moved.valid_to, moved.end_reason, moved.last_seen_at = now, None, "", now
    moved.save()
    refresh([former_id, anchor.contact_id])
    record(actor=by, action="identifier.move", target=moved, kind=moved.kind, value=moved.value, contacts=[former_id, anchor.contact_id])
    contacts_changed.send(sender=Identifier, contact_ids=[former_id, anchor.contact_id])
    return moved


@transaction.atomic
def move_back(*, identifier: Identifier, by: Actor) -> Contact:
    """Undo a move: the value leads again to the contact that had it, and no more to the one it was given to.

    ``identifier`` is what ``move_identifier`` returned. Gives the contact that has it again. Raises ``Refused`` where it went on
    since or was never moved, ``PermissionDenied``.
    """
    require(by, Ability.MERGE_CONTACTS)
    moved = Identifier.scoped().select_related("profile").get(pk=identifier.pk)
    same = Identifier.scoped().filter(kind=moved.kind, key=moved.key, scope=moved.scope)
    rows = list(same.filter(end_reason=EndReason.MOVED, valid_to=moved.valid_from).select_related("profile"))
    if moved.valid_to is not None or not rows:
        raise Refused(_("The identifier moved meanwhile: look again."), code="not_here")
    profiles = {profile.pk: profile.contact_id for profile in hold_profiles_of({moved.profile.contact_id, rows[0].profile.contact_id})}
    touched = {profiles[row.profile_id] for row in (moved, *rows) if row.profile_id in profiles}
    for row in rows:
        row.valid_to, row.end_reason = None, ""
    moved.valid_to, moved.end_reason = timezone.now(), EndReason.MOVED
    bulk_update_with_history([moved, *rows], Identifier, ["valid_to", "end_reason"])
    renew_keys({row.profile_id for row in (moved, *rows)})
    refresh(touched)
    record(actor=by, action="identifier.move", target=rows[0], kind=moved.kind, value=moved.value, contacts=sorted(touched))
    contacts_changed.send(sender=Identifier, contact_ids=sorted(touched))
    return Contact.scoped().get(pk=profiles[rows[0].profile_id])
