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
