"""What a visitor may see and change: the profiles that the points shown in this visit lead to, and nothing else.

Anybody can type anybody's address into a web chat or a form, so an address that was only typed there leads nowhere. At a point that
several people share, only those whose own address it is are reached: what others said about themselves stays theirs.
"""

from collections import defaultdict
from dataclasses import dataclass

from consent.fingerprints import PointRef, point_of
from consent.models import PortalVisit
from consent.points import ADDRESSES
from consent.portal.addresses import identifiers_at, masked, read_kept, shown
from contacts.marking import is_shared, shared_key
from contacts.models import Certainty, Identifier, Profile, Source

# Where whoever writes says who they are.
TYPED_BY_ANYBODY = frozenset({Source.CHANNEL, Source.FORM})


@dataclass(frozen=True)
class ShownPoint:
    """A point that the visitor has shown to be theirs."""

    ref: PointRef
    point_id: int
    text: str
    is_shared: bool


@dataclass(frozen=True)
class MaskedPoint:
    """Another address of the visitor's profiles: they have to show that it is theirs to see it. ``identifier_id`` names it."""

    identifier_id: int
    kind: str
    text: str
    ref: PointRef


@dataclass(frozen=True)
class Reach:
    """``profiles`` in the order in which they were first seen, corrections included; ``beyond``: the unified contact has others."""

    points: tuple[ShownPoint, ...] = ()
    profiles: tuple[Profile, ...] = ()
    others: tuple[MaskedPoint, ...] = ()
    beyond: bool = False

    @property
    def profile_ids(self) -> list[int]:
        return [profile.pk for profile in self.profiles]

    @property
    def refs(self) -> list[PointRef]:
        """Every address, shown in this visit or not."""
        return [*(point.ref for point in self.points), *(other.ref for other in self.others)]

    @property
    def records(self) -> list[Profile]:
        """The profiles without the corrections."""
        return [profile for profile in self.profiles if profile.corrects_id is None]

    @property
    def first(self) -> Profile | None:
        """Whom a change is written down for: the one known longest."""
        return next(iter(self.records), None)

    def profile_at(self, point: ShownPoint) -> Profile | None:
        """Whom a grant at the point is given by: whoever's own address it is, else the one known longest."""
        own = {point.ref.value, point.ref.value.lstrip("+")}
        return next((profile for profile in self.records if profile.address in own), self.first)


def reach_of(visit: PortalVisit) -> Reach:
    """Five queries, however many points and profiles there are."""
    proofs = [(proof.point_id, read_kept(proof.address)) for proof in visit.proofs.order_by("pk")]
    if not proofs:
        return Reach()
    refs = [ref for _point_id, ref in proofs]
    found = list(identifiers_at(*refs).select_related("profile").order_by("pk"))
    shared = set(is_shared({shared_key(identifier) for identifier in found}))
    reached = {identifier.profile.corrects_id or identifier.profile_id for identifier in found if _leads(identifier, shared)}
    profiles = list(
        (Profile.scoped().filter(pk__in=reached) | Profile.scoped().filter(corrects__in=reached)).order_by("first_seen_at", "pk")
    )
    return Reach(
        points=tuple(ShownPoint(ref, point_id, shown(ref.kind, ref.value), (ref.kind, ref.key) in shared) for point_id, ref in proofs),
        profiles=tuple(profiles),
        others=tuple(_others(profiles, refs)),
        beyond=Profile.scoped()
        .filter(contact__in={profile.contact_id for profile in profiles})
        .exclude(pk__in=[profile.pk for profile in profiles])
        .exclude(corrects__in=reached)
        .exists(),
    )


def _leads(identifier: Identifier, shared: set[tuple[str, str]]) -> bool:
    """Whether holding the point shows that the identifier's profile is one's own."""
    profile = identifier.profile
    if identifier.value == profile.address or identifier.certainty != Certainty.CLAIMED:
        return True
    return shared_key(identifier) not in shared and profile.source not in TYPED_BY_ANYBODY


def _others(profiles: list[Profile], known: list[PointRef]) -> list[MaskedPoint]:
    seen = defaultdict(bool, {ref.match: True for ref in known})
    others = []
    rows = Identifier.scoped().filter(profile__in=profiles, valid_to=None, kind__in=ADDRESSES & {"email", "phone", "whatsapp"})
    for identifier in rows.order_by("pk"):
        ref = point_of(identifier)
        if not seen[ref.match]:
            seen[ref.match] = True
            others.append(MaskedPoint(identifier.pk, ref.kind, masked(ref.kind, ref.value), ref))
    return others
