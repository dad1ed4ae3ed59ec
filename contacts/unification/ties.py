"""What ties contacts to each other under the unified rule: an email, a phone, or one address on one channel."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Count, Exists, OuterRef, QuerySet

from contacts.finding_matches import names_in
from contacts.models import UNIFYING, Certainty, EndReason, Identifier, Profile
from contacts.names import names_conflict
from contacts.normalising import may_be_two_lines
from contacts.recycled_numbers import NUMBERS

ADDRESS = "address"
AT_ONCE = 2000
Pair = TypeVar("Pair")


@dataclass(frozen=True)
class Tie:
    """Profiles that have something in common. ``value`` is what people read; ``identifier_id`` is one of those that carry it.

    ``sure_ids``: those of which it is more than typed.
    """

    kind: str
    key: str
    value: str
    profile_ids: tuple[int, ...]
    identifier_id: int | None = None
    sure_ids: tuple[int, ...] = ()
    # Numbers change hands.
    is_number: bool = False


def ties_of_account() -> list[Tie]:
    """Every tie between two or more contacts of the account in scope."""
    keys = (
        _identifiers()
        .values("kind", "key")
        .annotate(contacts=Count("profile__contact", distinct=True))
        .filter(contacts__gt=1)
        .values_list("kind", "key")
    )
    found: list[Tie] = []
    for some in _batched(list(keys)):
        carriers = _identifiers().filter(kind__in={kind for kind, _key in some}, key__in={key for _kind, key in some})
        found += _by_key(carriers, only=set(some))
    addresses = (
        _addressed()
        .values("channel", "address")
        .annotate(contacts=Count("contact", distinct=True))
        .filter(contacts__gt=1)
        .values_list("channel", "address")
    )
    for places in _batched(list(addresses)):
        episodes = _addressed().filter(channel__in={channel for channel, _address in places}, address__in={a for _channel, a in places})
        found += _by_address(episodes, only=set(places))
    return found


def ties_between(profile_ids: Collection[int]) -> list[Tie]:
    """The ties among these profiles alone, however many contacts they sit in."""
    return [*_by_key(_identifiers().filter(profile__in=profile_ids)), *_by_address(_addressed().filter(pk__in=profile_ids))]


def _identifiers() -> QuerySet[Identifier]:
    return Identifier.scoped().filter(kind__in=UNIFYING, scope="", valid_to=None)


def _addressed() -> QuerySet[Profile]:
    # An address that ended (a changed or recycled number) is somebody else's from then on; one that is only out of use is not.
    ended = Identifier.scoped().filter(profile=OuterRef("pk"), value=OuterRef("address"), valid_to__isnull=False)
    return Profile.scoped().exclude(address="").exclude(Exists(ended.exclude(end_reason=EndReason.RETIRED)))


def _batched(keys: Sequence[Pair]) -> Iterable[Sequence[Pair]]:
    return (keys[start : start + AT_ONCE] for start in range(0, len(keys), AT_ONCE))


def _by_key(rows: QuerySet[Identifier], *, only: Collection[tuple[str, str]] | None = None) -> list[Tie]:
    together: dict[tuple[str, str], list[tuple[int, int, str, str]]] = {}
    for kind, key, *rest in rows.order_by("pk").values_list("kind", "key", "profile_id", "pk", "value", "certainty"):
        if only is None or (kind, key) in only:
            together.setdefault((kind, key), []).append(tuple(rest))  # type: ignore[arg-type]
    ties = []
    for (kind, key), holders in together.items():
        for line in _lines(kind, key, holders):
            if len({profile_id for profile_id, *_rest in line}) > 1:
                sure = tuple(profile_id for profile_id, _pk, _value, certainty in line if certainty != Certainty.CLAIMED)
                ties.append(Tie(kind, key, line[0][2], tuple(dict.fromkeys(row[0] for row in line)), line[0][1], sure, kind in NUMBERS))
    return ties


def _lines(kind: str, key: str, holders: list[tuple[int, int, str, str]]) -> list[list[tuple[int, int, str, str]]]:
    """The holders of one key, apart where it may stand for two lines and the provider attests neither spelling."""
    if not may_be_two_lines(kind=kind, key=key) or any(certainty == Certainty.ATTESTED for *_rest, certainty in holders):
        return [holders]
    lines: dict[str, list[tuple[int, int, str, str]]] = {}
    for holder in holders:
        lines.setdefault(holder[2], []).append(holder)
    return list(lines.values())


def _by_address(rows: QuerySet[Profile], *, only: Collection[tuple[int, str]] | None = None) -> list[Tie]:
    together: dict[tuple[int, str], list[tuple[int, str, list[str]]]] = {}
    for pk, channel_id, address, kind, given, later in rows.order_by("pk").values_list(
        "pk", "channel_id", "address", "channel__kind", "given", "later"
    ):
        if only is None or (channel_id, address) in only:
            together.setdefault((channel_id, address), []).append((pk, kind, names_in(given, later)))
    ties = []
    for (channel_id, address), episodes in together.items():
        if len(episodes) < 2:
            continue
        # A browser is a device: episodes with another name are another person's.
        people = _by_name(episodes) if episodes[0][1] == "webchat" else [[pk for pk, _kind, _names in episodes]]
        place, is_number = f"{channel_id}:{address}", episodes[0][1] in NUMBERS
        ties += [Tie(ADDRESS, place, address, tuple(one), is_number=is_number) for one in people if len(one) > 1]
    return ties


def _by_name(episodes: Iterable[tuple[int, str, list[str]]]) -> list[list[int]]:
    people: list[tuple[list[str], list[int]]] = []
    for pk, _kind, names in episodes:
        for known, ids in people:
            if not names or not known or any(not names_conflict(a, b) for a in names for b in known):
                known += names
                ids.append(pk)
                break
        else:
            people.append((list(names), [pk]))
    return [ids for _names, ids in people]
