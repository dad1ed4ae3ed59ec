"""Who would be one person under the unified rule: the same reasoning for the preview, without locks, and for the job, under them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from accounts.models import Account, NameConflict
from contacts.marking import marks_on
from contacts.models import Identifier, NeverMerge, Profile, ValueMark
from contacts.names import fold_name, names_conflict
from contacts.national_ids import contradict
from contacts.protections import names_in
from contacts.unification.ties import ADDRESS, Tie, ties_between, ties_of_account

AT_ONCE = 5000
# As many names are shown of a value at most; accounts call it shared long before.
MOST_NAMES = 100


@dataclass
class Side:
    """What is known of the contacts that are taken as one so far."""

    contact_ids: list[int]
    names: list[str] = field(default_factory=list)
    national_ids: set[str] = field(default_factory=set)
    profile_ids: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Group:
    """Contacts that are one person, by which ties. ``names_differ``: joined, with a warning in the thread."""

    contact_ids: tuple[int, ...]
    profile_ids: tuple[int, ...]
    ties: tuple[Tie, ...]
    names_differ: bool


@dataclass(frozen=True)
class Apart:
    """Two contacts that a tie would join, and the protection that does not: never_merge, national_id, name_conflict, too_many."""

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
    contact_of, sides = _sides(ties)
    marks = _marks(account, ties)
    never = _never_merge(sides)
    at: dict[int, Side] = dict(sides)
    used: dict[int, list[Tie]] = {}
    apart: list[Apart] = []
    shared: list[SharedValue] = []
    for tie in sorted(ties, key=lambda tie: (tie.kind == ADDRESS, tie.kind, tie.key, tie.profile_ids)):
        mark = marks.get((tie.kind, tie.key))
        if mark == ValueMark.Mark.BLOCKED:
            continue
        contact_ids = sorted({contact_of[pk] for pk in tie.profile_ids if pk in contact_of})
        names = _different_names(name for pk in contact_ids for name in sides[pk].names)
        if mark == ValueMark.Mark.SHARED or len(names) > account.shared_after_names:
            shared.append(SharedValue(tie, tuple(names), is_marked=mark is not None))
            continue
        heads: list[int] = []
        for contact_id in contact_ids:
            why = ""
            for head in heads:
                if at[head] is at[contact_id]:
                    break
                reason = _why_apart(account, at[head], at[contact_id], never)
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
            names_differ=len(_different_names(side.names)) > 1,
        )
        for side in {id(side): side for side in at.values()}.values()
        if len(side.contact_ids) > 1
    ]
    # Another tie may have joined them after all.
    apart = [pair for pair in apart if at[pair.one] is not at[pair.other]]
    return Plan(sorted(groups, key=lambda group: group.contact_ids), apart, shared)


def _unite(at: dict[int, Side], one: Side, other: Side) -> None:
    one.contact_ids += other.contact_ids
    one.names += other.names
    one.national_ids |= other.national_ids
    one.profile_ids += other.profile_ids
    for contact_id in other.contact_ids:
        at[contact_id] = one


def _why_apart(account: Account, one: Side, other: Side, never: set[frozenset[int]]) -> str:
    if any(frozenset((a, b)) in never for a in one.contact_ids for b in other.contact_ids):
        return "never_merge"
    if contradict(one.national_ids, other.national_ids):
        return "national_id"
    if account.name_conflict == NameConflict.SUGGEST and _all_conflict(one.names, other.names):
        return "name_conflict"
    if len(one.profile_ids) + len(other.profile_ids) > account.max_profiles_per_contact:
        return "too_many"
    return ""


def _all_conflict(one: Sequence[str], other: Sequence[str]) -> bool:
    return bool(one and other) and all(names_conflict(a, b) for a in one for b in other)


def _different_names(names: Iterable[str]) -> list[str]:
    """The names, one for each person that they may be of."""
    people: list[str] = []
    for name in dict.fromkeys(names):
        if fold_name(name) and all(names_conflict(name, other) for other in people):
            people.append(name)
        if len(people) > MOST_NAMES:
            break
    return people


def _sides(ties: Sequence[Tie]) -> tuple[dict[int, int], dict[int, Side]]:
    """(profile → contact, contact → what is known of it), for the contacts that the ties touch."""
    touched = sorted({pk for tie in ties for pk in tie.profile_ids})
    contact_ids: set[int] = set()
    for start in range(0, len(touched), AT_ONCE):
        contact_ids |= set(Profile.scoped().filter(pk__in=touched[start : start + AT_ONCE]).values_list("contact_id", flat=True))
    contact_of: dict[int, int] = {}
    sides = {pk: Side([pk]) for pk in sorted(contact_ids)}
    everybody = sorted(contact_ids)
    for start in range(0, len(everybody), AT_ONCE):
        some = everybody[start : start + AT_ONCE]
        rows = Profile.scoped().filter(contact__in=some).order_by("pk").values_list("pk", "contact_id", "given", "later")
        for pk, contact_id, given, later in rows:
            contact_of[pk] = contact_id
            sides[contact_id].profile_ids.append(pk)
            sides[contact_id].names += names_in(given, later)
        ids = Identifier.scoped().filter(profile__contact__in=some, kind="national_id", valid_to=None)
        for contact_id, key in ids.values_list("profile__contact_id", "key"):
            sides[contact_id].national_ids.add(key)
    return contact_of, sides


def _marks(account: Account, ties: Sequence[Tie]) -> dict[tuple[str, str], str]:
    keys = [(tie.kind, tie.key) for tie in ties if tie.kind != ADDRESS]
    marks: dict[tuple[str, str], str] = {}
    for start in range(0, len(keys), AT_ONCE):
        marks |= marks_on(keys[start : start + AT_ONCE], region=account.default_region)
    return marks


def _never_merge(sides: Collection[int]) -> set[frozenset[int]]:
    pairs = NeverMerge.scoped().values_list("low__contact_id", "high__contact_id")
    return {frozenset(pair) for pair in pairs if pair[0] in sides and pair[1] in sides}
