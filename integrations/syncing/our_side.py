"""What we say of a person, in the form in which it is compared with a remote record."""

from collections.abc import Iterable
from datetime import datetime

from contacts.models import Contact, Identifier, Profile
from integrations.models import ExternalRecord
from integrations.syncing.translating import Ours, Rule, same_text


def ours_of(rules: Iterable[Rule], *, profile: Profile, record: ExternalRecord | None) -> dict[str, Ours]:
    """Our names → what the profile's contact shows now. Two queries."""
    contact = Contact.scoped().get(pk=profile.contact_id)
    identifiers = list(
        Identifier.scoped().filter(profile__contact=contact.pk, valid_to=None).select_related("profile").order_by("valid_from", "pk")
    )
    base = record.base if record is not None else {}
    found: dict[str, Ours] = {}
    for rule in rules:
        if not rule.is_identifier:
            entry = contact.fields.get(rule.ours)
            found[rule.ours] = same_text(entry["value"]) if entry else None
            continue
        mine = [each for each in identifiers if each.kind == rule.ours]
        values = list(dict.fromkeys(each.value for each in mine))
        found[rule.ours] = values if rule.is_several else _the_one(mine, profile, base.get(rule.ours))
    return found


def changed_at(field: str, *, profile: Profile) -> datetime | None:
    """When our side of a field was last given; ``None`` where nobody knows."""
    entry = Contact.scoped().get(pk=profile.contact_id).fields.get(field)
    return datetime.fromisoformat(entry["at"]) if entry else None


def _the_one(identifiers: list[Identifier], profile: Profile, base: dict | None) -> str | None:
    """For a place that holds one value: the one that is there while it is valid, else the record's own, else the latest."""
    values = [each.value for each in identifiers]
    if base and base.get("ours") in values:
        return base["ours"]
    own = [each.value for each in identifiers if each.profile_id == profile.pk or each.profile.corrects_id == profile.pk]
    return own[-1] if own else values[-1] if values else None
