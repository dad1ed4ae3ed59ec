"""Contact points: found and made by fingerprint, and those of a person."""

from collections.abc import Iterable
from dataclasses import dataclass

import phonenumbers

from consent.fingerprints import PointRef, point_of
from consent.models import ContactPoint
from contacts.models import Identifier, Profile

# The kinds of identifiers that one can write to.
ADDRESSES = frozenset({"email", "phone", "whatsapp", "whatsapp_user", "instagram", "messenger", "telegram", "visitor", "app_user"})


@dataclass(frozen=True)
class LinkedPoint:
    """One point of a person, and an identifier that leads there."""

    ref: PointRef
    identifier: Identifier


def country_of(ref: PointRef) -> str:
    """The country that a phone's number says; empty for other kinds and for numbers of no country."""
    if ref.kind != "phone":
        return ""
    try:
        country = phonenumbers.region_code_for_number(phonenumbers.parse(ref.value))
    except phonenumbers.NumberParseException:
        return ""
    return country if country and len(country) == 2 and country != "ZZ" else ""


def ref_of(point: ContactPoint) -> PointRef:
    """What is known of a point without its address: enough to write into its ledger, not to find every suppression of it."""
    return PointRef(point.kind, "", "", "", point.lookup_hmac, point.match_hmac, ())


def find_point(ref: PointRef) -> ContactPoint | None:
    return ContactPoint.scoped().filter(lookup_hmac=ref.lookup).first()


def ensure_point(ref: PointRef) -> ContactPoint:
    """The point of the address, made if it is not there yet. One query where it is."""
    found = find_point(ref)
    if found is None:
        found, _new = ContactPoint.scoped().get_or_create(
            lookup_hmac=ref.lookup, defaults={"kind": ref.kind, "match_hmac": ref.match, "country": country_of(ref)}
        )
    return found


def points_of_person(profile: Profile) -> list[LinkedPoint]:
    """Every address that leads to the profile's person now, each once, whichever of their profiles carries it. One query."""
    return linked(Identifier.scoped().filter(profile__contact__profiles=profile.pk, valid_to=None, kind__in=ADDRESSES).order_by("pk"))


def points_of_profile(profile: Profile) -> list[LinkedPoint]:
    """Every address that the profile itself carries now. One query."""
    return linked(Identifier.scoped().filter(profile=profile.pk, valid_to=None, kind__in=ADDRESSES).order_by("pk"))


def linked(identifiers: Iterable[Identifier]) -> list[LinkedPoint]:
    """The points of the identifiers, each once, in their order."""
    found: dict[str, LinkedPoint] = {}
    for identifier in identifiers:
        ref = point_of(identifier)
        found.setdefault(ref.lookup, LinkedPoint(ref, identifier))
    return list(found.values())
