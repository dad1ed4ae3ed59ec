"""Two people behind one address: the second one gets a profile, and a contact, of their own."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _
from simple_history.utils import bulk_create_with_history

from accounts.actors import Actor
from accounts.auditing import record
from accounts.roles import Ability, require
from contacts.announcements import announce_move, contacts_changed
from contacts.block_keys import renew_keys
from contacts.merging import Refused, hold_profiles_of, mark_never_merge
from contacts.models import Contact, Identifier, MergeEvent, Profile, ProfileMove
from contacts.survivorship import refresh


@transaction.atomic
def split_off(*, profiles: Sequence[Profile], by: Actor, reason: str = "") -> tuple[dict[int, Profile], MergeEvent]:
    """Start a new person who writes from the addresses of these profiles of one contact. The profiles stay where they are.

    The new person's profiles are the current ones of their addresses and carry the addresses, nothing else that was said; they
    and the former person are marked as never to be joined by themselves. Returns old profile id → new profile, and the event.
    Raises ``Refused`` for profiles without an address or of several contacts, ``PermissionDenied``.
    """
    require(by, Ability.MERGE_CONTACTS)
    return _split(profiles, by=by, reason=reason)


@transaction.atomic
def start_new_person(*, profile: Profile, by: Actor) -> Profile:
    """Whoever writes from the profile's address now is somebody new, as an agent who reads them knows. Returns their profile.

    Otherwise like ``split_off``. Raises ``Refused``, ``PermissionDenied``.
    """
    require(by, Ability.SEPARATE_CONTACTS)
    new, _event = _split([profile], by=by, reason="")
    return new[profile.pk]


def _split(profiles: Sequence[Profile], *, by: Actor, reason: str) -> tuple[dict[int, Profile], MergeEvent]:
    everybody = hold_profiles_of({profile.contact_id for profile in profiles})
    chosen = [profile for profile in everybody if profile.pk in {each.pk for each in profiles}]
    if not chosen or len({profile.contact_id for profile in chosen}) > 1 or any(not profile.address for profile in chosen):
        raise Refused(_("Only who writes from an address can be split off it."), code="no_address")
    home = Contact.objects.create(
        born_at=max(profile.last_seen_at for profile in chosen), last_seen_at=max(profile.last_seen_at for profile in chosen)
    )
    new = {profile.pk: _sibling(profile, home, is_home=number == 0) for number, profile in enumerate(chosen)}
    renew_keys([profile.pk for profile in new.values()])
    former_id = chosen[0].contact_id
    mark_never_merge([everybody, list(new.values())], by=by, reason=reason)
    event = MergeEvent.objects.create(
        kind=MergeEvent.Kind.UNMERGE,
        contact_id=former_id,
        cause="split",
        actor_kind=by.kind,
        actor_name=by.name[:120],
        membership=by.membership,
        reason=reason[:300],
        evidence={"split_from": sorted(new)},
    )
    ProfileMove.objects.bulk_create(
        [ProfileMove(event=event, profile=profile, from_contact_id=former_id, to_contact=home) for profile in new.values()]
    )
    refresh([former_id, home.pk])
    record(actor=by, action="contact.split", target=home, event=event.pk, former=former_id, profiles=sorted(new))
    contacts_changed.send(sender=MergeEvent, contact_ids=[former_id, home.pk])
    announce_move(event)
    return new, event


def _sibling(profile: Profile, home: Contact, *, is_home: bool) -> Profile:
    episodes = Profile.scoped().filter(channel=profile.channel_id, address=profile.address)
    last = episodes.aggregate(last=Max("episode"))["last"]
    episodes.filter(is_current=True).update(is_current=False)
    sibling = Profile.objects.create(
        contact=home,
        home=home if is_home else None,
        source=profile.source,
        channel_id=profile.channel_id,
        address=profile.address,
        episode=last + 1,
        former=profile,
        first_seen_at=profile.last_seen_at,
        last_seen_at=profile.last_seen_at,
    )
    bulk_create_with_history([_copy(row, sibling) for row in _of_the_address(profile)], Identifier)
    return sibling


def _of_the_address(profile: Profile) -> list[Identifier]:
    """The address itself, and the phone that a WhatsApp id attests."""
    line = profile.address.lstrip("+")
    return list(Identifier.scoped().filter(profile=profile, value__in=(profile.address, line, f"+{line}"), valid_to=None))


def _copy(row: Identifier, to: Profile) -> Identifier:
    copy = Identifier(account_id=row.account_id, profile=to, valid_from=row.last_seen_at, last_seen_at=row.last_seen_at)
    for name in ("kind", "raw", "value", "key", "key_version", "loose_key", "scope", "certainty"):
        setattr(copy, name, getattr(row, name))
    return copy
