"""Merge and separate: profiles change contact, and nothing else moves.

The contact that a set of profiles shows is the oldest home among them (``born_at``, then id), so the result does not depend on
the order of clicks. Each function locks the contacts, checks, moves, records and announces, inside one transaction.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from simple_history.utils import bulk_update_with_history

from accounts.actors import Actor
from accounts.auditing import record
from accounts.roles import Ability, require
from contacts.announcements import announce_move, contacts_changed, profiles_moved
from contacts.locks import hold
from contacts.marking import mark_shared, shared_key
from contacts.models import UNIFYING, Contact, Identifier, MatchDecision, MergeEvent, NeverMerge, Profile, ProfileMove
from contacts.reviewing import settle_joins_of
from contacts.survivorship import refresh

# Causes that only people bring about; every other one is automatic and stops at "never merge".
EXPLICIT = frozenset({"manual", "undo", "shared"})
Kind = MergeEvent.Kind


class Refused(ValidationError):
    """The merge or separation makes no sense as things are now; the message says why. Nothing was changed."""


@transaction.atomic
def merge(
    *, contacts: Sequence[Contact], by: Actor, reason: str = "", cause: str = "manual", evidence: dict[str, Any] | None = None
) -> MergeEvent:
    """Make one person of several contacts; the oldest home survives, whoever is named first.

    An emptied contact stands for the one that shows its profile now. An explicit merge lifts "never merge" between the sides
    and says so in the event; an automatic one is refused by it. Raises ``Refused``, ``PermissionDenied``.
    """
    require(by, Ability.MERGE_CONTACTS)
    if len({contact.pk for contact in contacts}) < 2:
        raise Refused(_("Choose at least two contacts."), code="too_few")
    profiles = hold_profiles_of(contact.pk for contact in contacts)
    if len({profile.contact_id for profile in profiles}) < 2:
        raise Refused(_("They are one contact already."), code="already_one")
    return join(profiles=profiles, by=by, reason=reason, cause=cause, evidence=evidence or {})


def join(
    *,
    profiles: Sequence[Profile],
    by: Actor,
    cause: str,
    evidence: dict[str, Any],
    reason: str = "",
    undoes: MergeEvent | None = None,
) -> MergeEvent:
    """Move the profiles of whole contacts, which the caller has locked, into the oldest home among them."""
    lifted = _never_merge_between(profiles)
    if lifted and cause not in EXPLICIT:
        raise Refused(_("They were marked as different people."), code="never_merge")
    if lifted:
        evidence = {**evidence, "lifted_never_merge": [[pair.low_id, pair.high_id] for pair in lifted]}
        NeverMerge.scoped().filter(pk__in=[pair.pk for pair in lifted]).delete()
    survivor_id = oldest_home(profiles)
    moving = [profile for profile in profiles if profile.contact_id != survivor_id]
    event = _move(dict.fromkeys(moving, survivor_id), Kind.MERGE, survivor_id, by, cause, reason, evidence, undoes)
    record(
        actor=by,
        action="contact.merge",
        target=Contact(pk=survivor_id),
        event=event.pk,
        cause=cause,
        emptied=sorted({move.from_contact_id for move in event.moves.all()}),
    )
    _announce(event)
    return event


@transaction.atomic
def unmerge(
    *, contact: Contact, profiles: Sequence[Profile], by: Actor, reason: str = "", cause: str = "manual", undoes: MergeEvent | None = None
) -> MergeEvent:
    """Separate some profiles from the rest of their contact, and mark both sides as never to be merged by itself.

    Corrections go with the profile they correct. Raises ``Refused``, ``PermissionDenied``.
    """
    require(by, Ability.MERGE_CONTACTS)
    everybody = hold_profiles_of([contact.pk])
    chosen = {profile.pk for profile in profiles}
    if not chosen or not chosen <= {profile.pk for profile in everybody}:
        raise Refused(_("Choose profiles of this contact."), code="not_here")
    return _cut(everybody, [chosen], by=by, reason=reason, cause=cause, undoes=undoes)


@transaction.atomic
def separate_and_mark_shared(*, profile: Profile, identifier: Identifier, by: Actor) -> MergeEvent:
    """The agent's one key on "someone else uses this too": mark the value as shared, and part the profile's person from the others.

    With the profile go those that it is joined to by another email or phone; when everybody is, it goes alone.
    """
    require(by, Ability.SEPARATE_CONTACTS)
    everybody = hold_profiles_of([profile.contact_id])
    if profile.pk not in {other.pk for other in everybody}:
        raise Refused(_("The profile moved meanwhile: look again."), code="not_here")
    mark_shared(identifier=identifier, by=by, reason=_("Separated by an agent"))
    side = _side_of(profile, everybody, without=shared_key(identifier))
    evidence = {"shared": {"kind": identifier.kind, "value": identifier.value}}
    return _cut(everybody, [side], by=by, reason="", cause="shared", evidence=evidence)


@transaction.atomic
def undo(*, event: MergeEvent, by: Actor) -> MergeEvent:
    """Take back one merge or separation, whatever happened since, for the profiles it moved.

    After undoing a merge, a profile that joined meanwhile through a value of one side goes with that side. Raises ``Refused``
    where it was undone already or the profiles were parted or joined by something else.
    """
    require(by, ability_to_undo(event))
    if event.undone_by.exists():
        raise Refused(_("This was undone already."), code="undone")
    moves = list(event.moves.select_related("profile"))
    everybody = hold_profiles_of([event.contact_id, *(move.profile.contact_id for move in moves)])
    if event.kind == Kind.UNMERGE:
        if len({profile.contact_id for profile in everybody}) < 2:
            raise Refused(_("They are one contact already."), code="already_one")
        return join(profiles=everybody, by=by, cause="undo", evidence={}, undoes=event)
    undone = None
    for together, sides in _joined_by(event, moves, everybody):
        undone = _cut(together, sides, by=by, reason="", cause="undo", undoes=event)
    if undone is None:
        raise Refused(_("They were separated already."), code="already_apart")
    return undone


@transaction.atomic
def take_back(*, event: MergeEvent, by: Actor, cause: str) -> MergeEvent | None:
    """Part what one merge joined because what it was based on is gone; nobody is marked as different people by that.

    ``None`` where they are apart already. Raises ``PermissionDenied``.
    """
    require(by, Ability.MERGE_CONTACTS)
    moves = list(event.moves.select_related("profile"))
    everybody = hold_profiles_of([event.contact_id, *(move.profile.contact_id for move in moves)])
    parted = None
    for together, sides in _joined_by(event, moves, everybody):
        parts = _parts(together, sides)
        parted = _part(together, parts, by=by, reason="", cause=cause, evidence={}, undoes=event)
    return parted


def _joined_by(event: MergeEvent, moves: Sequence[ProfileMove], everybody: Sequence[Profile]) -> list[tuple[list[Profile], list[set[int]]]]:
    """Each contact that still holds together what the event joined, with the sides to part from its rest."""
    found = []
    for contact_id in sorted({profile.contact_id for profile in everybody}):
        together = [profile for profile in everybody if profile.contact_id == contact_id]
        if sides := _sides_joined_by(event, moves, together):
            found.append((together, sides))
    return found


def ability_to_undo(event: MergeEvent) -> Ability:
    """An agent may take back the one key that an agent has; the rest is the supervisor's."""
    return Ability.SEPARATE_CONTACTS if event.cause == "shared" else Ability.MERGE_CONTACTS


def oldest_home(profiles: Sequence[Profile]) -> int:
    """The contact that the profiles show: the oldest home among them. At least one of them has a home."""
    homes = Contact.scoped().filter(pk__in=[profile.home_id for profile in profiles if profile.home_id])
    return min((home.born_at, home.pk) for home in homes)[1]


def hold_profiles_of(contact_ids: Iterable[int]) -> list[Profile]:
    """Lock the contacts that show these now, and give all their profiles."""
    wanted = set(contact_ids)

    def find() -> list[Profile]:
        shown = set(Profile.scoped().filter(home__in=wanted).values_list("contact_id", flat=True))
        return list(Profile.scoped().filter(contact__in=shown).order_by("first_seen_at", "pk"))

    # Profiles that joined between reading and locking belong to the contact too: read once more under the locks.
    hold(find, contacts_of=lambda found: {profile.pk: profile.contact_id for profile in found})
    return find()


def _never_merge_between(profiles: Sequence[Profile]) -> list[NeverMerge]:
    contact_of = {profile.pk: profile.contact_id for profile in profiles}
    pairs = NeverMerge.scoped().filter(low__in=contact_of, high__in=contact_of)
    return [pair for pair in pairs if contact_of[pair.low_id] != contact_of[pair.high_id]]


def _cut(
    everybody: Sequence[Profile],
    sides: Sequence[set[int]],
    *,
    by: Actor,
    reason: str,
    cause: str,
    evidence: dict[str, Any] | None = None,
    undoes: MergeEvent | None = None,
) -> MergeEvent:
    """Part one contact's profiles into the given sides and the rest, and mark them as never to be merged by itself."""
    parts = _parts(everybody, sides)
    mark_never_merge(parts, by=by, reason=reason)
    return _part(everybody, parts, by=by, reason=reason, cause=cause, evidence=evidence or {}, undoes=undoes)


def part(*, everybody: Sequence[Profile], sides: Sequence[set[int]], by: Actor, cause: str) -> MergeEvent:
    """Part one contact's profiles, all of which are given and locked, into the sides and the rest. They may be joined again."""
    return _part(everybody, _parts(everybody, sides), by=by, reason="", cause=cause, evidence={}, undoes=None)


def _parts(everybody: Sequence[Profile], sides: Sequence[set[int]]) -> list[list[Profile]]:
    parts = [[profile for profile in everybody if (profile.corrects_id or profile.pk) in side] for side in sides]
    taken = {profile.pk for one in parts for profile in one}
    parts.append([profile for profile in everybody if profile.pk not in taken])
    if not all(parts):
        raise Refused(_("Leave at least one profile on each side."), code="nothing_left")
    return parts


def _part(
    everybody: Sequence[Profile],
    parts: Sequence[Sequence[Profile]],
    *,
    by: Actor,
    reason: str,
    cause: str,
    evidence: dict[str, Any],
    undoes: MergeEvent | None,
) -> MergeEvent:
    """Each part shows its oldest home, made now where it has none."""
    left_id = everybody[0].contact_id
    moving: dict[Profile, int] = {}
    for one in parts:
        shown = _home_of(one)
        moving |= {profile: shown for profile in one if profile.contact_id != shown}
    event = _move(moving, Kind.UNMERGE, left_id, by, cause, reason, evidence, undoes)
    parted = sorted(profile.pk for one in parts[:-1] for profile in one)
    settle_joins_of(parted, by=by)
    record(actor=by, action="contact.unmerge", target=Contact(pk=left_id), event=event.pk, cause=cause, profiles=parted)
    _announce(event)
    return event


def _home_of(part: Sequence[Profile]) -> int:
    if any(profile.home_id for profile in part):
        return oldest_home(part)
    first = min((profile for profile in part if profile.corrects_id is None), key=lambda p: (p.first_seen_at, p.pk), default=part[0])
    first.home = Contact.objects.create(born_at=first.first_seen_at, last_seen_at=first.last_seen_at)
    first.save(update_fields=["home"])
    return first.home.pk


def mark_never_merge(parts: Sequence[Sequence[Profile]], *, by: Actor, reason: str) -> None:
    """Between everybody of each part and everybody of every other; pairs that are marked already stay as they are."""
    people = [[profile for profile in part if profile.corrects_id is None] for part in parts]
    pairs = [sorted((a.pk, b.pk)) for one, other in combinations(people, 2) for a in one for b in other]
    NeverMerge.objects.bulk_create(
        [NeverMerge(low_id=low, high_id=high, membership=by.membership, reason=reason[:200]) for low, high in pairs],
        ignore_conflicts=True,
        batch_size=2000,
    )


def _side_of(profile: Profile, everybody: Sequence[Profile], *, without: tuple[str, str]) -> set[int]:
    """The profiles tied to ``profile`` by an email or phone other than ``without``, or by being episodes of one address."""
    ids = [other.pk for other in everybody]
    ties: dict[tuple[str, ...], set[int]] = {}
    for owner, kind, key in Identifier.scoped().filter(profile__in=ids, kind__in=UNIFYING).values_list("profile_id", "kind", "key"):
        if (kind, key) != without:
            ties.setdefault((kind, key), set()).add(owner)
    for other in everybody:
        if other.address and not any(key == without for key in _keys_of_address(other)):
            ties.setdefault(("address", str(other.channel_id), other.address), set()).add(other.pk)
    side = {profile.corrects_id or profile.pk}
    while grown := {owner for tie in ties.values() if tie & side for owner in tie} - side:
        side |= grown
    people = {other.pk for other in everybody if other.corrects_id is None}
    return side if people - side else {profile.corrects_id or profile.pk}


def _keys_of_address(profile: Profile) -> list[tuple[str, str]]:
    return [shared_key(identifier) for identifier in profile.identifiers.all() if identifier.value == profile.address]


def _sides_joined_by(event: MergeEvent, moves: Sequence[ProfileMove], together: Sequence[Profile]) -> list[set[int]]:
    """The sets of profiles to part from the rest of one contact so that what the event joined in it is apart again."""
    came_from = {move.profile_id: move.from_contact_id for move in moves}
    stayed = [profile for profile in together if profile.pk not in came_from]
    later_moves: dict[int, list[ProfileMove]] = {}
    for move in ProfileMove.scoped().filter(profile__in=[profile.pk for profile in stayed]).order_by("event_id"):
        later_moves.setdefault(move.profile_id, []).append(move)
    survivors = [profile for profile in stayed if _contact_at(event, profile, later_moves.get(profile.pk, [])) == event.contact_id]
    sides: dict[int, set[int]] = {}
    for profile in together:
        if profile.pk in came_from:
            sides.setdefault(came_from[profile.pk], set()).add(profile.pk)
    parting = list(sides.values()) if survivors else list(sides.values())[1:]
    newcomers = _newcomers(stayed, event)
    for side in parting:
        side |= _followers(newcomers, side)
    return parting


def _contact_at(event: MergeEvent, profile: Profile, moves: Sequence[ProfileMove]) -> int:
    """The contact that the profile sat in when the event happened."""
    before = [move.to_contact_id for move in moves if move.event_id < event.pk]
    after = [move.from_contact_id for move in moves if move.event_id > event.pk]
    return before[-1] if before else after[0] if after else profile.contact_id


def _newcomers(stayed: Sequence[Profile], event: MergeEvent) -> dict[int, set[int]]:
    """Profiles that joined since the event → the profiles whose value they were recognised by."""
    decisions = MatchDecision.scoped().filter(
        profile__in=[profile.pk for profile in stayed], at__gte=event.at, outcome=MatchDecision.Outcome.ATTACHED
    )
    return {decision.profile_id: set(decision.evidence.get("matched", [])) for decision in decisions}


def _followers(newcomers: dict[int, set[int]], side: set[int]) -> set[int]:
    following: set[int] = set()
    while more := {pk for pk, matched in newcomers.items() if matched and matched <= side | following} - following:
        following |= more
    return following


def _move(
    moving: dict[Profile, int],
    kind: str,
    contact_id: int,
    by: Actor,
    cause: str,
    reason: str,
    evidence: dict[str, Any],
    undoes: MergeEvent | None = None,
) -> MergeEvent:
    event = MergeEvent.objects.create(
        kind=kind,
        contact_id=contact_id,
        cause=cause,
        actor_kind=by.kind,
        actor_name=by.name[:120],
        membership=by.membership,
        reason=reason[:300],
        evidence=evidence,
        undoes=undoes,
    )
    ProfileMove.objects.bulk_create(
        [
            ProfileMove(event=event, profile=profile, from_contact_id=profile.contact_id, to_contact_id=target)
            for profile, target in moving.items()
        ]
    )
    touched = {contact_id, *moving.values(), *(profile.contact_id for profile in moving)}
    for profile, target in moving.items():
        profile.contact_id = target
    bulk_update_with_history(list(moving), Profile, ["contact"], batch_size=500)
    refresh(touched)
    return event


def _announce(event: MergeEvent) -> None:
    moves = list(event.moves.all())
    if event.kind == Kind.UNMERGE:
        profiles_moved.send(sender=MergeEvent, profile_ids=[move.profile_id for move in moves], event=event)
    touched = {event.contact_id, *(move.from_contact_id for move in moves), *(move.to_contact_id for move in moves)}
    contacts_changed.send(sender=MergeEvent, contact_ids=sorted(touched))
    announce_move(event)
