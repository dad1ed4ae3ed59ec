"""Short words for the domain tests: somebody writes on a channel, at an hour, with what they say about themselves."""

from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.actors import Actor
from accounts.models import Channel, Membership
from contacts.claims import Address, Claim, ClaimedIdentifier
from contacts.matching import Recognition, learn, recognise
from contacts.models import Contact, Identifier, MatchDecision, Profile

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ADDRESS_KIND = {"whatsapp": "whatsapp", "email": "email", "instagram": "instagram", "webchat": "visitor"}


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def claim(*, name: str = "", email: str = "", phone: str = "", national_id: str = "", **given: Any) -> Claim:
    said = {"email": email, "phone": phone, "national_id": national_id}
    identifiers = tuple(ClaimedIdentifier(kind=kind, raw=raw) for kind, raw in said.items() if raw)
    return Claim(identifiers=identifiers, given={"name": name, **given} if name else given)


def writes(channel: Channel, address: str, hours: float = 0, *, said: Claim | None = None, **options: Any) -> Recognition:
    """Somebody writes from ``address``, ``hours`` after the start; the other options make the claim."""
    passed_on = {key: options.pop(key) for key in ("replies_to", "open_profile_on_shared") if key in options}
    return recognise(
        channel=channel,
        address=Address(ADDRESS_KIND[channel.kind], address),
        claim=said or claim(**options),
        occurred_at=at(hours),
        **passed_on,
    )


def tells(profile: Profile, hours: float = 0, **options: Any) -> Recognition:
    return learn(profile=profile, claim=claim(**options), occurred_at=at(hours), cause="form")


def grouping(profiles: dict[str, int] | None = None) -> set[frozenset[str]]:
    """The account's people as sets of "channel address" words, so that two histories can be compared."""
    groups: dict[int, set[str]] = {}
    for profile in Profile.scoped().filter(corrects=None).select_related("channel"):
        groups.setdefault(profile.contact_id, set()).add(f"{profile.channel.kind if profile.channel else '-'} {profile.address}")
    return {frozenset(group) for group in groups.values()}


def shown() -> dict[int, dict[str, Any]]:
    """Every contact as the team sees it."""
    fields = ("name", "fields", "search_text", "is_anonymous", "is_empty")
    return {contact.pk: {field: getattr(contact, field) for field in fields} for contact in Contact.scoped()}


def members(contact: Contact) -> set[int]:
    return set(Profile.scoped().filter(contact=contact).values_list("pk", flat=True))


def decision_of(profile: Profile) -> MatchDecision:
    return MatchDecision.scoped().filter(profile=profile).latest("pk")


def identifier_of(profile: Profile, kind: str) -> Identifier:
    return Identifier.scoped().get(profile=profile, kind=kind)


def person(membership: Membership) -> Actor:
    return Actor.person(membership)
