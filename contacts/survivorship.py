"""What a contact shows is computed from its profiles: one value per field by the account's rule, always with its provenance."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Prefetch

from accounts.models import Account
from accounts.scope import current_account_id
from accounts.tenancy import TenantQuerySet
from accounts.writing_rows import rewrite_rows
from contacts.models import CONTACT_DATA, Certainty, Contact, Identifier, Profile, Source
from contacts.names import fold_name, is_placeholder
from contacts.searching import plain

# Fields that are shown as the person's name when nobody gave one, then these kinds of identifiers.
NAME_STAND_INS = ("username",)
IDENTIFIER_STAND_INS = ("email", "phone", "whatsapp")
SOURCE_ORDER = (Source.AGENT, Source.CRM, Source.FORM, Source.IMPORT, Source.API, Source.CHANNEL)
DEFAULT_RULE = "latest"
# No source ever sets the field: it shows what a person wrote, or nothing.
BY_HAND = "manual"
SEARCH_TEXT_LIMIT = 2000
# What ``looks_of`` gives.
COMPUTED = ("name", "fields", "search_text", "is_anonymous", "is_empty", "is_erased")


@dataclass(frozen=True)
class Given:
    """One value of one field, where it comes from and when it was given."""

    value: Any
    at: datetime
    profile: Profile
    is_verified: bool


def _first(values: Sequence[Given]) -> Given:
    return min(values, key=lambda given: (given.at, given.profile.pk))


def _latest(values: Sequence[Given]) -> Given:
    return max(values, key=lambda given: (given.at, given.profile.pk))


def _longest(values: Sequence[Given]) -> Given:
    return max(values, key=lambda given: (len(str(given.value)), given.at, given.profile.pk))


def _by_source(values: Sequence[Given]) -> Given:
    best = min(SOURCE_ORDER.index(Source(given.profile.source)) for given in values)
    return _latest([given for given in values if SOURCE_ORDER.index(Source(given.profile.source)) == best])


def _verified_first(values: Sequence[Given]) -> Given:
    return _latest([given for given in values if given.is_verified] or values)


RULES: dict[str, Callable[[Sequence[Given]], Given]] = {
    "first": _first,
    "latest": _latest,
    "longest": _longest,
    "source_order": _by_source,
    "verified_first": _verified_first,
}


def refresh(contact_ids: Iterable[int]) -> list[int]:
    """Compute name, fields, search text and marks of the contacts anew. Returns the ids of those that look different now."""
    changed = []
    for each in _compute(contact_ids, Contact.scoped()):
        if each.different:
            each.contact.save(update_fields=[*each.different, "last_seen_at"])
            changed.append(each.contact.pk)
        elif each.was_seen:
            Contact.scoped().filter(pk=each.contact.pk).update(last_seen_at=each.contact.last_seen_at)
    return changed


def refresh_together(contact_ids: Iterable[int]) -> list[int]:
    """The same of many, in a constant number of statements; their history says it as of nobody."""
    # In one order, so that two who change the same people wait for each other instead of blocking each other.
    computed = _compute(contact_ids, Contact.scoped().select_for_update(no_key=True))
    changed = [each.contact for each in computed if each.different]
    rewrite_rows(changed, [*COMPUTED, "last_seen_at"])
    Contact.scoped().bulk_update([each.contact for each in computed if each.was_seen and not each.different], ["last_seen_at"])
    return [contact.pk for contact in changed]


def looks_of(profiles: Sequence[Profile], rules: dict[str, str]) -> dict[str, Any]:
    """Every computed field of the contact that shows these profiles, whose identifiers were prefetched."""
    identifiers = [identifier for profile in profiles for identifier in profile.identifiers.all()]
    fields = fields_of(profiles, rules)
    return {
        "name": _name(fields, identifiers)[:200],
        "fields": fields,
        "search_text": _search_text(profiles, identifiers),
        "is_anonymous": not any(identifier.kind in CONTACT_DATA for identifier in identifiers),
        "is_empty": not profiles,
        "is_erased": bool(profiles) and all(profile.erased_at for profile in profiles),
    }


@dataclass(frozen=True)
class _Computed:
    """A contact as it is to look, what of that is not written yet, and whether it was seen at another time."""

    contact: Contact
    different: list[str]
    was_seen: bool


def _compute(contact_ids: Iterable[int], contacts: TenantQuerySet[Contact]) -> list[_Computed]:
    ids = sorted(set(contact_ids))
    rules = Account.objects.only("survivorship").get(pk=current_account_id()).survivorship
    profiles: dict[int, list[Profile]] = {pk: [] for pk in ids}
    # In one order, so that the same people always look the same.
    in_order = Prefetch("identifiers", queryset=Identifier.scoped().order_by("pk"))
    for profile in Profile.scoped().filter(contact__in=ids).order_by("first_seen_at", "pk").prefetch_related(in_order):
        profiles[profile.contact_id].append(profile)
    computed = []
    for contact in contacts.filter(pk__in=ids).order_by("pk"):
        mine = profiles[contact.pk]
        shown = looks_of(mine, rules)
        different = [field for field, value in shown.items() if getattr(contact, field) != value]
        for field in different:
            setattr(contact, field, shown[field])
        before = contact.last_seen_at
        contact.last_seen_at = max((profile.last_seen_at for profile in mine if profile.corrects_id is None), default=before)
        computed.append(_Computed(contact, different, contact.last_seen_at != before))
    return computed


def fields_of(profiles: Sequence[Profile], rules: dict[str, str]) -> dict[str, Any]:
    """Field → value with provenance, as stored in ``Contact.fields``. An agent's correction wins over every rule."""
    given: dict[str, list[Given]] = {}
    for profile in profiles:
        for field, value in values_of(profile):
            given.setdefault(field, []).append(value)
    ruled = {field: (values, rules.get(field, DEFAULT_RULE)) for field, values in sorted(given.items())}
    shown = {field: entry for field, entry in ruled.items() if entry[1] != BY_HAND or any(value.profile.outranks for value in entry[0])}
    return {field: _decide(field, values, rule) for field, (values, rule) in shown.items()}


def values_of(profile: Profile) -> list[tuple[str, Given]]:
    """Every value a profile gives: the first one of each field, and the latest where it differs."""
    is_verified = any(identifier.certainty != Certainty.CLAIMED for identifier in profile.identifiers.all())
    values = []
    for field, value in profile.given.items():
        at = datetime.fromisoformat(profile.given_at[field]) if field in profile.given_at else profile.first_seen_at
        values.append((field, Given(value=value, at=at, profile=profile, is_verified=is_verified)))
    for field, since in profile.later.items():
        at = datetime.fromisoformat(since["at"])
        values.append((field, Given(value=since["value"], at=at, profile=profile, is_verified=is_verified)))
    return values


def _decide(field: str, values: list[Given], rule: str) -> dict[str, Any]:
    corrections = [given for given in values if given.profile.outranks]
    if corrections:
        winner, rule = _latest(corrections), BY_HAND
    else:
        usable = [given for given in values if field != "name" or not is_placeholder(str(given.value))]
        winner = RULES.get(rule, _latest)(usable or values)
    others = [given for given in values if given.value != winner.value and not (given.profile.outranks and given is not winner)]
    return {
        "value": winner.value,
        "profile": winner.profile.pk,
        "source": winner.profile.source,
        "at": winner.at.isoformat(),
        "rule": rule,
        "others": [{"value": given.value, "profile": given.profile.pk} for given in others],
    }


def _name(fields: dict[str, Any], identifiers: Sequence[Identifier]) -> str:
    """The name; where nobody gave one, what stands in for it, so that lists have something to show."""
    for field in ("name", *NAME_STAND_INS):
        if field in fields and str(fields[field]["value"]).strip():
            return str(fields[field]["value"]).strip()
    for kind in IDENTIFIER_STAND_INS:
        for identifier in identifiers:
            if identifier.kind == kind:
                return identifier.value
    return ""


def _search_text(profiles: Sequence[Profile], identifiers: Sequence[Identifier]) -> str:
    """Names folded, identifiers in normal form and as given: each word once."""
    words: dict[str, None] = {}
    for profile in profiles:
        for field, given in values_of(profile):
            if field in ("name", "username"):
                words |= dict.fromkeys([fold_name(str(given.value)), plain(str(given.value))])
    for identifier in identifiers:
        words |= dict.fromkeys([plain(identifier.value), plain(identifier.raw)])
    return "\n".join(word for word in words if word)[:SEARCH_TEXT_LIMIT]
