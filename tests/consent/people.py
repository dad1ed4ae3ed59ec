"""People with addresses, and shorthand for what they say about consent."""

import itertools
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from accounts.actors import SYSTEM
from accounts.models import Channel
from consent.fingerprints import PointRef, point_of
from consent.gate import Question, Ruling, decide_many
from consent.ledger import record
from consent.models import ConsentEvent, GatePolicy, RegistryCopy
from consent.vocabulary import Action, Origin
from contacts.models import Contact, Identifier, Profile
from contacts.normalising import normal

_numbers = itertools.count(1)
# A Tuesday morning in Santiago, at which nothing keeps a message back.
TUESDAY = datetime.fromisoformat("2026-11-24T15:00:00+00:00")
# Two days before: the tests live then, whenever they run, since laws and holidays are of their time.
SUNDAY = datetime.fromisoformat("2026-11-22T09:00:00+00:00")
PHONE, MAIL = "+56981234567", "ana@ejemplo.cl"


def live_on_sunday(monkeypatch: Any) -> None:
    """The product's clock goes on from ``SUNDAY``."""
    began = timezone.now()
    really = timezone.now
    monkeypatch.setattr("django.utils.timezone.now", lambda: SUNDAY + (really() - began))


def make_person(*addresses: tuple[str, str], name: str = "Ana", contact: Contact | None = None, certainty: str = "attested") -> Profile:
    """A profile with these (kind, value), in a contact of its own unless one is given."""
    now = timezone.now()
    home = None
    if contact is None:
        contact = home = Contact.objects.create(born_at=now, last_seen_at=now, name=name, is_anonymous=False)
    profile = Profile.objects.create(
        contact=contact, home=home, address="", first_seen_at=now, last_seen_at=now, given={"name": name}, source="form"
    )
    for kind, value in addresses:
        add_address(profile, kind, value, certainty=certainty)
    return profile


def add_address(profile: Profile, kind: str, value: str, *, certainty: str = "attested") -> Identifier:
    read = normal(kind, value, region="CL")
    assert read is not None
    now = timezone.now()
    return Identifier.objects.create(
        profile=profile, kind=kind, raw=value, value=read.value, key=read.key, certainty=certainty, valid_from=now, last_seen_at=now
    )


def address_of(profile: Profile, kind: str = "") -> Identifier:
    found = profile.identifiers.order_by("pk")
    return found.filter(kind=kind)[0] if kind else found[0]


def point(profile: Profile, kind: str = "") -> PointRef:
    return point_of(address_of(profile, kind))


def say(profile: Profile, action: Action, *, kind: str = "", key: str = "", **fields: Any) -> ConsentEvent:
    """One event at the profile's point, an hour ago unless told."""
    by_default = {"occurred_at": timezone.now() - timedelta(hours=1), "origin": Origin.PLATFORM, "key": key or f"said-{next(_numbers)}"}
    return record(ref=point(profile, kind), action=action, profile=profile, by=SYSTEM, **{**by_default, **fields})


def agree(profile: Profile, *, kind: str = "", purpose: str = "marketing", **fields: Any) -> ConsentEvent:
    """A proven grant."""
    proven = {"possession_proven": True, "origin": Origin.CONFIRMATION}
    return say(profile, Action.GRANT, kind=kind, purpose=purpose, **{**proven, **fields})


def question(profile: Profile, *, kind: str = "", channel: str = "whatsapp", purpose: str = "marketing", **fields: Any) -> Question:
    """A promotion by WhatsApp template on a Tuesday morning, unless told otherwise."""
    by_default: dict[str, Any] = {"at": TUESDAY, "template": "marketing" if channel == "whatsapp" and purpose == "marketing" else ""}
    if channel == "email":
        by_default["has_unsubscribe"] = True
    return Question(ref=point(profile, kind), profile_id=profile.pk, channel=channel, purpose=purpose, **{**by_default, **fields})


def ask(profile: Profile, **fields: Any) -> Ruling:
    return decide_many([question(profile, **fields)])[0]


def with_postal_address() -> None:
    GatePolicy.objects.update_or_create(defaults={"postal_address": "Av. Siempre Viva 742, Santiago"})


def answered(ruling: Ruling) -> tuple[str, str]:
    """(verdict, deciding reason)."""
    return ruling.verdict.value, ruling.reason.value


def hear(channel: Channel, sender: str, body: str, *, ago: timedelta = timedelta(minutes=1), **fields: Any) -> Any:
    """A message comes in on a channel, as its adapter would hand it over."""
    from contacts.claims import Address, Claim
    from inbox.adapters import InboundMessage
    from inbox.receiving import receive

    kinds = {"whatsapp": "whatsapp", "instagram": "instagram", "email": "email", "webchat": "visitor"}
    inbound = InboundMessage(
        provider_id=fields.pop("provider_id", f"in-{next(_numbers)}"),
        sender=Address(kinds[channel.kind], sender),
        occurred_at=timezone.now() - ago,
        claim=fields.pop("claim", Claim()),
        body=body,
        **fields,
    )
    return receive(channel=channel, inbound=inbound)


def with_registry(country: str, at: datetime) -> None:
    """A copy of the country's do-not-call registry, brought in then, that names nobody whom a test knows."""
    RegistryCopy.scoped().filter(country=country).delete()
    RegistryCopy.objects.create(country=country, name="lista.csv", state=RegistryCopy.State.DONE, created_at=at)
