"""Switch off: give back what the unified rule joined, at the switch and live, and nothing else. Safe to run twice.

What people, a CRM or deduplication joined stays joined, whatever the rule had joined around it: the history is read again as if the
rule's own merges had not been, and the contact is parted along the lines that are left.
"""

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import Count

from accounts.actors import UNIFIED_RULE
from contacts.locks import hold
from contacts.merging import part
from contacts.models import MatchDecision, MergeEvent, Profile, ProfileMove

CAUSE = "switch"
RULE_CAUSES = frozenset({"unified", "switch"})
# How a record joined a contact at birth because of the rule; the other ways (a reply, an open conversation) exist without it.
RULE_ATTACHES = frozenset({"same_email", "same_phone"})


def contacts_of_several() -> list[int]:
    """Every contact that shows more than one source record."""
    people = Profile.scoped().filter(corrects=None).values("contact").annotate(profiles=Count("pk")).filter(profiles__gt=1)
    return list(people.order_by("contact").values_list("contact", flat=True))


@transaction.atomic
def give_back(*, contact_id: int) -> int:
    """Part one contact along the lines that remain without the rule. Returns how many contacts came back."""

    def find() -> dict[int, int]:
        return dict(Profile.scoped().filter(contact=contact_id).values_list("pk", "contact_id"))

    hold(find, contacts_of=lambda found: found)
    everybody = list(Profile.scoped().filter(contact=contact_id).order_by("first_seen_at", "pk"))
    sides = _sides(everybody)
    if len(sides) < 2:
        return 0
    part(everybody=everybody, sides=sides[1:], by=UNIFIED_RULE, cause=CAUSE)
    return len(sides) - 1


def _sides(everybody: Sequence[Profile]) -> list[set[int]]:
    """The profiles of one contact as sets that hold together without the rule; corrections go with what they correct."""
    people = [profile for profile in everybody if profile.corrects_id is None]
    label = _labels(people)
    sides: dict[int, set[int]] = {}
    for profile in people:
        sides.setdefault(label[profile.pk], set()).add(profile.pk)
    return list(sides.values())


def _labels(people: Sequence[Profile]) -> dict[int, int]:
    """Profile → a number that those who belong together have in common."""
    label = {profile.pk: profile.pk for profile in people}
    home_of = {profile.home_id: profile.pk for profile in people if profile.home_id}
    _tie_born_here(people, label)
    events = MergeEvent.scoped().filter(moves__profile__in=label).distinct().order_by("pk").prefetch_related("moves")
    for event in events:
        moves = list(event.moves.all())
        if event.kind == MergeEvent.Kind.MERGE:
            if event.cause not in RULE_CAUSES:
                homes = {event.contact_id, *(move.from_contact_id for move in moves)}
                _unite(label, [home_of[home] for home in homes if home in home_of])
        elif event.cause not in RULE_CAUSES:
            _split(label, moves)
    return label


def _tie_born_here(people: Sequence[Profile], label: dict[int, int]) -> None:
    """A record without a home was born into a contact: by the rule, or because it belongs there in both modes."""
    homeless = [profile for profile in people if profile.home_id is None]
    if not homeless:
        return
    births: dict[int, MatchDecision] = {}
    for decision in MatchDecision.scoped().filter(profile__in=[profile.pk for profile in homeless]).order_by("pk"):
        births.setdefault(decision.profile_id, decision)
    eldest = next((profile for profile in people if profile.home_id == profile.contact_id), people[0])
    for profile in homeless:
        birth = births.get(profile.pk)
        if birth is None or birth.rule not in RULE_ATTACHES:
            matched = [pk for pk in (birth.evidence.get("matched", []) if birth else []) if pk in label]
            _unite(label, [profile.pk, *(matched or [eldest.pk])])


def _unite(label: dict[int, int], profile_ids: Iterable[int]) -> None:
    labels = {label[pk] for pk in profile_ids}
    if len(labels) > 1:
        one = min(labels)
        for pk, mine in label.items():
            if mine in labels:
                label[pk] = one


def _split(label: dict[int, int], moves: Sequence[ProfileMove]) -> None:
    """Whoever was parted went to another contact: those who went together stay together."""
    gone: dict[tuple[int, int], list[int]] = {}
    for move in moves:
        if move.profile_id in label:
            gone.setdefault((label[move.profile_id], move.to_contact_id), []).append(move.profile_id)
    for together in gone.values():
        fresh = max(label.values()) + 1
        for pk in together:
            label[pk] = fresh
