"""Who would be one person under the unified rule: the same reasoning for the preview, without locks, and for the job, under them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from accounts.models import Account, MatchingPolicy, NameConflict
from contacts.finding_matches import names_in
from contacts.marking import marks_on
from contacts.models import Profile, ValueMark
from contacts.proving import Proof, read_proof
from contacts.recycled_numbers import all_conflict, was_silent
from contacts.shared_values import people_behind
from contacts.sides import Side as Known
from contacts.sides import conflicting_names, contradiction, never_merge_between, sides_of
from contacts.unification.ties import ADDRESS, Tie, ties_between, ties_of_account

AT_ONCE = 5000


@dataclass
class Side:
    """The contacts that are taken as one so far, and what is known of them."""

    contact_ids: list[int]
    known: Known
    profile_ids: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Seen:
    """A profile on a number: when its person was first and last heard of, and under which names."""

    contact_id: int
    names: tuple[str, ...]
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class Group:
    """Contacts that are one person, by which ties. ``names_differ``: joined, with a warning in the thread."""

    contact_ids: tuple[int, ...]
    profile_ids: tuple[int, ...]
    ties: tuple[Tie, ...]
    names_differ: bool


@dataclass(frozen=True)
class Apart:
    """Two contacts that a tie would join, and the protection that does not: the words of ``contacts.protections``."""

    one: int
    other: int
    why: str
    tie: Tie


@dataclass(frozen=True)
class SharedValue:
    """A value with more names than one person has; ``is_marked``: people said so already."""

    tie: Tie
    names: tuple[str, ...]
    is_marked: bool


@dataclass(frozen=True)
class Plan:
    groups: list[Group]
    apart: list[Apart]
    shared: list[SharedValue]


def plan_account(account: Account) -> Plan:
    """What the rule would do with everybody in the account. Reads only; several seconds for a million profiles."""
    return _plan(account, ties_of_account())


def plan_for(account: Account, profile_ids: Collection[int]) -> Plan:
    """The same for these profiles alone."""
    return _plan(account, ties_between(profile_ids))


def _plan(account: Account, ties: Sequence[Tie]) -> Plan:
    contact_of, sides, seen = _sides(ties)
    proof = read_proof(contact_of) if account.matching_policy == MatchingPolicy.PROBABILISTIC else None
    marks = _marks(account, ties)
    never = never_merge_between(sides)
    at: dict[int, Side] = dict(sides)
    used: dict[int, list[Tie]] = {}
    apart: list[Apart] = []
    shared: list[SharedValue] = []
    for tie in sorted(ties, key=lambda tie: (tie.kind == ADDRESS, tie.kind, tie.key, tie.profile_ids)):
        mark = marks.get((tie.kind, tie.key))
        if mark == ValueMark.Mark.BLOCKED:
            continue
        contact_ids = sorted({contact_of[pk] for pk in tie.profile_ids if pk in contact_of})
        names = people_behind(name for pk in contact_ids for name in sides[pk].known.names)
        if mark == ValueMark.Mark.SHARED or len(names) > account.shared_after_names:
            shared.append(SharedValue(tie, tuple(names), is_marked=mark is not None))
            continue
        heads: list[int] = []
        sure = {contact_of[pk] for pk in tie.sure_ids if pk in contact_of}
        for contact_id in contact_ids:
            why = ""
            for head in heads:
                if at[head] is at[contact_id]:
                    break
                reason = _why_apart(account, at[head], at[contact_id], never)
                reason = reason or _why_recycled(account, tie, at[head], at[contact_id], seen)
                reason = reason or _why_weak(account, tie, sure, head, contact_id)
                reason = reason or _why_unproven(tie, at[head], at[contact_id], proof)
                if not reason:
                    _unite(at, at[head], at[contact_id])
                    break
                why = why or reason
            else:
                if why:
                    apart.append(Apart(heads[0], contact_id, why, tie))
                heads.append(contact_id)
                continue
            used.setdefault(contact_id, []).append(tie)
    groups = [
        Group(
            tuple(sorted(side.contact_ids)),
            tuple(sorted(side.profile_ids)),
            tuple(dict.fromkeys(tie for pk in side.contact_ids for tie in used.get(pk, []))),
            names_differ=len(people_behind(side.known.names)) > 1,
        )
        for side in {id(side): side for side in at.values()}.values()
        if len(side.contact_ids) > 1
    ]
    # Another tie may have joined them after all.
    apart = [pair for pair in apart if at[pair.one] is not at[pair.other]]
    return Plan(sorted(groups, key=lambda group: group.contact_ids), apart, shared)


def _unite(at: dict[int, Side], one: Side, other: Side) -> None:
    one.contact_ids += other.contact_ids
    one.known.names += other.known.names
    one.known.national_ids |= other.known.national_ids
    one.known.profile_count += other.known.profile_count
    for place, keys in other.known.confirmed.items():
        one.known.confirmed.setdefault(place, set()).update(keys)
    one.profile_ids += other.profile_ids
    for contact_id in other.contact_ids:
        at[contact_id] = one


def _why_apart(account: Account, one: Side, other: Side, never: set[frozenset[int]]) -> str:
    if any(frozenset((a, b)) in never for a in one.contact_ids for b in other.contact_ids):
        return "never_merge"
    if why := contradiction(one.known, other.known):
        return why
    if account.name_conflict == NameConflict.SUGGEST and conflicting_names(one.known.names, other.known.names):
        return "name_conflict"
    if one.known.profile_count + other.known.profile_count > account.max_profiles_per_contact:
        return "too_many_profiles"
    return ""


def _why_weak(account: Account, tie: Tie, sure: set[int], one: int, other: int) -> str:
    """Whether the account wants more than this tie: an address is the provider's word, a value may only have been typed."""
    if tie.kind == ADDRESS:
        return ""
    if account.claimed_suggests_only and not sure & {one, other}:
        return "claimed"
    return ""


def _why_recycled(account: Account, tie: Tie, one: Side, other: Side, seen: Mapping[int, Seen]) -> str:
    """A number that one side let go silent for the account's period before another name appeared on it."""
    if not tie.is_number:
        return ""
    mine, theirs = ([seen[pk] for pk in tie.profile_ids if pk in seen and seen[pk].contact_id in side.contact_ids] for side in (one, other))
    if not mine or not theirs:
        return ""
    earlier, later = sorted((mine, theirs), key=lambda holders: min(holder.first_at for holder in holders))
    since, until = max(holder.last_at for holder in earlier), min(holder.first_at for holder in later)
    names = ([name for holder in side for name in holder.names] for side in (earlier, later))
    return "recycled" if was_silent(account, since=since, until=until) and all_conflict(*names) else ""


def _why_unproven(tie: Tie, one: Side, other: Side, proof: Proof | None) -> str:
    return "policy" if proof is not None and tie.kind != ADDRESS and not proof.holds(one.contact_ids, other.contact_ids) else ""


def _sides(ties: Sequence[Tie]) -> tuple[dict[int, int], dict[int, Side], dict[int, Seen]]:
    """(profile → contact, contact → what is known of it, profile → when and as whom), for the contacts that the ties touch."""
    touched = sorted({pk for tie in ties for pk in tie.profile_ids})
    contact_ids: set[int] = set()
    for start in range(0, len(touched), AT_ONCE):
        contact_ids |= set(Profile.scoped().filter(pk__in=touched[start : start + AT_ONCE]).values_list("contact_id", flat=True))
    contact_of: dict[int, int] = {}
    on_numbers = {pk for tie in ties if tie.is_number for pk in tie.profile_ids}
    seen: dict[int, Seen] = {}
    sides: dict[int, Side] = {}
    everybody = sorted(contact_ids)
    for start in range(0, len(everybody), AT_ONCE):
        some = everybody[start : start + AT_ONCE]
        sides |= {pk: Side([pk], known) for pk, known in sides_of(some).items()}
        rows = Profile.scoped().filter(contact__in=some).order_by("pk")
        for pk, contact_id, *seen_as in rows.values_list("pk", "contact_id", "given", "later", "first_seen_at", "last_seen_at"):
            contact_of[pk] = contact_id
            sides[contact_id].profile_ids.append(pk)
            if pk in on_numbers:
                given, later, first_at, last_at = seen_as
                seen[pk] = Seen(contact_id, tuple(names_in(given, later)), first_at, last_at)
    return contact_of, sides, seen


def _marks(account: Account, ties: Sequence[Tie]) -> dict[tuple[str, str], str]:
    keys = [(tie.kind, tie.key) for tie in ties if tie.kind != ADDRESS]
    marks: dict[tuple[str, str], str] = {}
    for start in range(0, len(keys), AT_ONCE):
        marks |= marks_on(keys[start : start + AT_ONCE], region=account.default_region)
    return marks
