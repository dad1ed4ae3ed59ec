"""What pages, panel and API read about people, each in a constant number of queries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import idna
import phonenumbers
from django.db.models import Exists, OuterRef, Prefetch, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.gone import Gone
from accounts.models import Account, Membership
from accounts.scope import current_account_id
from accounts.tenancy import TenantQuerySet
from contacts.cards import ShownCard, cards_for
from contacts.code_senders import CodeSender, ready_senders
from contacts.field_words import in_words
from contacts.marking import marks_of, shared_key
from contacts.merging import ability_to_undo
from contacts.models import (
    UNIFYING,
    Certainty,
    Contact,
    Identifier,
    IdentifierKind,
    MatchDecision,
    MergeEvent,
    NeverMerge,
    Profile,
    ProfileMove,
    Source,
    ValueMark,
)
from contacts.names import names_conflict
from contacts.normalising import normal
from contacts.origins import origins_of
from contacts.protections import names_in
from contacts.reading_claims import RANK
from contacts.searching import contacts_matching
from contacts.verifying import awaiting_code

PAGE = 50
HISTORY = 50
# Identifiers that mean nothing to a person who reads them.
UNREADABLE = frozenset({"visitor", "app_user", "whatsapp_user", "instagram", "messenger", "telegram"})
FIELD_LABELS = {
    "name": _("Name"),
    "language": _("Language"),
    "username": _("Username"),
    "city": _("City"),
    "reason": _("Reason"),
    "company": _("Company"),
    "country": _("Country"),
    "address": _("Address"),
    "postal_code": _("Postal code"),
    "date_of_birth": pgettext_lazy("field", "Date of birth"),
}
CAUSE_LABELS = {
    "address_change": _("a new number or address"),
    "customer_data": _("the customer data platform says so"),
    "deduplication": _("search for duplicates"),
    "switch": _("switch of unification"),
    "unified": _("same email or phone"),
    "undo": _("undo"),
}
RULE_LABELS = {
    "first": _("the first one given"),
    "latest": _("the latest one given"),
    "longest": _("the longest one"),
    "source_order": _("by the order of sources"),
    "verified_first": _("the latest verified one"),
    "manual": _("set by an agent"),
}


@dataclass(frozen=True)
class Fact:
    """One field as it is shown, with where it comes from. ``kept`` is the value as it is written down, ``value`` as people read it."""

    field: str
    label: Any
    value: Any
    kept: Any
    source: Any
    at: datetime
    rule: Any
    is_correction: bool
    others: list[str]


@dataclass(frozen=True)
class IdentifierLine:
    """One identifier of a contact, over all the profiles that have it. ``identifier`` is the surest of its rows."""

    identifier: Identifier
    kind: str
    label: Any
    # The value as a person writes it; the kind's name where the value says nothing to a person.
    text: str
    certainty: Any
    is_attested: bool
    is_shared: bool
    is_blocked: bool
    is_ended: bool
    profile_ids: list[int]
    # Who could carry a code there now, and whether one is on its way; empty where there is nothing to confirm.
    senders: tuple[CodeSender, ...] = ()
    awaits_code: bool = False

    @property
    def channel(self) -> str:
        """The name of its colour."""
        return {"visitor": "webchat", "app_user": "webchat", "whatsapp_user": "whatsapp"}.get(self.kind, self.kind)


@dataclass(frozen=True)
class SharedNotice:
    """Two given names behind one value: who else uses it, and the profile that one key separates."""

    identifier: Identifier
    text: str
    names: list[str]
    other_name: str
    profile: Profile


@dataclass(frozen=True)
class ApartNotice:
    """A contact that was kept apart from this one although a value leads there."""

    contact: Contact
    why: Any


@dataclass(frozen=True)
class Panel:
    """What the person panel shows."""

    contact: Contact
    facts: list[Fact]
    identifiers: list[IdentifierLine]
    shared_notices: list[SharedNotice]
    apart_notices: list[ApartNotice]
    former: list[Contact]
    later: list[Contact]
    profile_count: int
    cards: list[ShownCard]


@dataclass(frozen=True)
class ProfileLine:
    """One source record of the contact."""

    profile: Profile
    name: str
    origin: str
    channel_kind: str
    identifiers: list[IdentifierLine]
    corrections: list[Profile]


@dataclass(frozen=True)
class HistoryLine:
    """One merge or separation that moved a profile of the contact."""

    event: MergeEvent
    moved: list[ProfileMove]
    is_undone: bool
    may_undo: bool

    @property
    def cause(self) -> str:
        """Who or what brought it about."""
        if self.event.cause in ("manual", "shared", "split"):
            return self.event.actor_name
        label = str(CAUSE_LABELS.get(self.event.cause, self.event.cause))
        return label if self.event.actor_kind == "rule" else f"{self.event.actor_name} · {label}"


@dataclass(frozen=True)
class ContactPage:
    """The contact page: the panel and what stands behind it."""

    panel: Panel
    profiles: list[ProfileLine]
    history: list[HistoryLine]
    aliases: list[int]

    @property
    def contact(self) -> Contact:
        return self.panel.contact


@dataclass(frozen=True)
class DirectoryPage:
    """Contacts, the latest active first; ``before`` is the cursor of the next page, empty on the last."""

    contacts: list[Contact]
    before: str


@dataclass(frozen=True)
class DirectoryRow:
    """One line of the directory: the contact and the addresses that a person can read."""

    contact: Contact
    identifiers: list[IdentifierLine]


class _People:
    """A contact's profiles and identifiers, read once."""

    def __init__(self, contact: Contact) -> None:
        self.contact = contact

    @cached_property
    def profiles(self) -> list[Profile]:
        rows = Profile.scoped().filter(contact=self.contact).select_related("channel", "former__contact")
        return list(rows.order_by("first_seen_at", "pk"))

    @cached_property
    def identifiers(self) -> list[Identifier]:
        return list(Identifier.scoped().filter(profile__contact=self.contact).select_related("profile").order_by("pk"))

    @cached_property
    def marks(self) -> dict[tuple[str, str], str]:
        return marks_of({shared_key(identifier) for identifier in self.identifiers})

    @cached_property
    def origins(self) -> dict[int, str]:
        return origins_of(self.profiles)


class ErasedContact(Contact.DoesNotExist, Gone):
    """The contact was there; all its profiles were erased."""


def live_contact(contact_id: int) -> Contact:
    """The contact, or the one that shows its profile now where it was emptied by a merge.

    Raises ``Contact.DoesNotExist``, or the ``ErasedContact`` among them.
    """
    contact = Contact.scoped().get(pk=contact_id)
    if contact.is_empty:
        profile = Profile.scoped().select_related("contact").filter(home=contact_id).first()
        contact = profile.contact if profile else contact
    if contact.is_erased:
        raise ErasedContact
    return contact


def panel(contact_id: int, *, membership: Membership) -> Panel:
    """What the person panel shows of the contact, or of the one that it was merged into. Raises ``Contact.DoesNotExist``."""
    return _panel(_People(live_contact(contact_id)), membership)


def contact_page(contact_id: int, *, membership: Membership) -> ContactPage:
    """Everything the contact page shows. Raises ``Contact.DoesNotExist``."""
    people = _People(live_contact(contact_id))
    return ContactPage(
        panel=_panel(people, membership),
        profiles=_profile_lines(people),
        history=merge_history(people.profiles, membership=membership),
        aliases=sorted(p.home_id for p in people.profiles if p.home_id and p.home_id != people.contact.pk),
    )


def identifiers_of(contact: Contact) -> list[IdentifierLine]:
    """The contact's identifiers, each once, the surest first. Two queries."""
    people = _People(contact)
    return _lines(people.identifiers, people.marks)


def holders_of(value: str) -> TenantQuerySet[Contact]:
    """The contacts that have the identifier, of whatever kind and however it is spelt, unordered."""
    found = _spellings(value)
    if not found:
        return Contact.scoped().none()
    return Contact.scoped().filter(pk__in=Identifier.scoped().filter(found).values("profile__contact_id"))


def _spellings(value: str) -> Q:
    region = Account.objects.only("default_region").get(pk=current_account_id()).default_region
    wanted = Q()
    for kind in IdentifierKind.values:
        read = normal(kind, value, region=region)
        if read is None:
            continue
        if kind == "whatsapp" and not value.strip().lstrip("+").isdigit():
            # Anything with enough digits could be read as one; a typed number is found as a phone.
            continue
        wanted |= Q(kind=kind, key=read.key)
    return wanted


def search(text: str, *, limit: int = PAGE) -> list[Contact]:
    """Contacts whose name or identifiers contain the words, or that have the text as an identifier; the latest active first."""
    return list(contacts_found(text).order_by("-last_seen_at", "-pk")[:limit]) if text.strip() else []


def directory(*, search: str = "", problem: str = "", before: str = "", limit: int = PAGE) -> DirectoryPage:
    """One page of the contacts that left a datum, the latest active first. Raises ``ValueError`` for a cursor that is not ours.

    ``problem`` keeps those whose data has it, ``any`` those with anything to fix.
    """
    found = having(problem, contacts_found(search) if search.strip() else visible_contacts())
    if before:
        at, _separator, pk = before.rpartition("_")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError(before)
        found = found.filter(last_seen_at__lte=moment).filter(Q(last_seen_at__lt=moment) | Q(pk__lt=int(pk)))
    page = list(found.order_by("-last_seen_at", "-pk")[: limit + 1])
    more, page = len(page) > limit, page[:limit]
    return DirectoryPage(contacts=page, before=f"{page[-1].last_seen_at.isoformat()}_{page[-1].pk}" if more else "")


def directory_rows(contacts: Sequence[Contact]) -> list[DirectoryRow]:
    """The contacts with their addresses. One query."""
    rows: dict[int, list[Identifier]] = {contact.pk: [] for contact in contacts}
    found = Identifier.scoped().filter(profile__contact__in=rows, valid_to=None).exclude(kind__in=UNREADABLE)
    for identifier in found.select_related("profile").order_by("pk"):
        rows[identifier.profile.contact_id].append(identifier)
    return [DirectoryRow(contact=contact, identifiers=_lines(rows[contact.pk], {})) for contact in contacts]


def having(problem: str, contacts: TenantQuerySet[Contact]) -> TenantQuerySet[Contact]:
    """Those with the problem, as it was found when they were last looked at; all of them for an empty word."""
    if not problem:
        return contacts
    some = contacts.exclude(problems=[])
    return some if problem == "any" else some.filter(problems__contains=[problem])


def visible_contacts() -> TenantQuerySet[Contact]:
    """Contacts that stand for themselves and left a contact datum."""
    return Contact.scoped().filter(is_empty=False, is_anonymous=False)


def contacts_found(text: str) -> TenantQuerySet[Contact]:
    """Visible contacts whose name or identifiers contain the words, or that have the text as an identifier. Three queries."""
    ids = set(contacts_matching(text))
    if spelt := _spellings(text):
        ids |= set(Identifier.scoped().filter(spelt).values_list("profile__contact_id", flat=True)[:200])
    return visible_contacts().filter(pk__in=ids)


def merge_history(profiles: Sequence[Profile], *, membership: Membership) -> list[HistoryLine]:
    """The merges and separations that moved one of the profiles, or left one where it is, the latest first. Three queries."""
    homes = [profile.home_id for profile in profiles if profile.home_id]
    touching = ProfileMove.scoped().filter(event=OuterRef("pk"), profile__in=profiles)
    moves = ProfileMove.scoped().select_related("profile__channel", "from_contact", "to_contact").order_by("pk")
    events = (
        MergeEvent.scoped()
        .filter(Q(contact__in=homes) | Exists(touching))
        .annotate(is_undone=Exists(MergeEvent.scoped().filter(undoes=OuterRef("pk"))))
        .prefetch_related(Prefetch("moves", queryset=moves))
        .order_by("-at", "-pk")[:HISTORY]
    )
    return [
        HistoryLine(
            event=event,
            moved=[move for move in event.moves.all() if move.profile.corrects_id is None],
            is_undone=event.is_undone,
            may_undo=not event.is_undone and membership.may(ability_to_undo(event)),
        )
        for event in events
    ]


def _panel(people: _People, membership: Membership) -> Panel:
    contact = people.contact
    ids = [profile.pk for profile in people.profiles]
    former = {p.former.contact_id: p.former.contact for p in people.profiles if p.former and p.former.contact_id != contact.pk}
    later = {p.contact_id: p.contact for p in Profile.scoped().filter(former__in=ids).exclude(contact=contact).select_related("contact")}
    cards = cards_for(contact=contact, membership=membership)
    named = {pk for card in cards for pk in card.contact_ids}
    return Panel(
        contact=contact,
        facts=[_fact(people, name) for name in sorted(contact.fields, key=lambda name: (name != "name", name))],
        identifiers=_with_codes(_lines(people.identifiers, people.marks)),
        shared_notices=_shared_notices(people),
        apart_notices=[notice for notice in _apart_notices(people) if notice.contact.pk not in named],
        former=list(former.values()),
        later=list(later.values()),
        profile_count=sum(profile.corrects_id is None for profile in people.profiles),
        cards=cards,
    )


def identifier_line(identifier: Identifier) -> IdentifierLine | None:
    """The line of its contact on which the identifier stands, with what could confirm it."""
    people = _People(Contact.scoped().get(profiles=identifier.profile_id))
    lines = [line for line in _lines(people.identifiers, people.marks) if line.identifier.scope == identifier.scope]
    found = [line for line in lines if shared_key(line.identifier) == shared_key(identifier)]
    return _with_codes(found)[0] if found else None


def _with_codes(lines: list[IdentifierLine]) -> list[IdentifierLine]:
    """At most two queries, and one for each way to send a code."""
    open_ones = [line for line in lines if not line.is_attested and not line.is_ended]
    if not open_ones:
        return lines
    senders, awaiting = ready_senders(), awaiting_code([line.identifier for line in open_ones])
    return [
        replace(
            line,
            senders=tuple(sender for sender in senders if line.kind in sender.reaches),
            awaits_code=line.identifier.pk in awaiting,
        )
        if line in open_ones
        else line
        for line in lines
    ]


def _fact(people: _People, name: str) -> Fact:
    shown: dict[str, Any] = people.contact.fields[name]
    return Fact(
        field=name,
        label=FIELD_LABELS.get(name, name.replace("_", " ").capitalize()),
        value=in_words(name, shown["value"]),
        kept=shown["value"],
        source=people.origins.get(shown["profile"], Source(shown["source"]).label),
        at=datetime.fromisoformat(shown["at"]),
        rule=RULE_LABELS.get(shown["rule"], shown["rule"]),
        is_correction=shown["rule"] == "manual",
        others=list(dict.fromkeys(str(in_words(name, other["value"])) for other in shown["others"])),
    )


def _lines(identifiers: Iterable[Identifier], marks: dict[tuple[str, str], str]) -> list[IdentifierLine]:
    """One line for each value. A WhatsApp id and the phone that it attests are one line: they are one number."""
    groups: dict[tuple[str, str, str], list[Identifier]] = {}
    for identifier in identifiers:
        kind, key = shared_key(identifier)
        groups.setdefault((kind, identifier.scope, key), []).append(identifier)
    lines = [_line(rows, marks.get((kind, key), "")) for (kind, _scope, key), rows in groups.items()]
    return sorted(lines, key=lambda line: (line.is_ended, line.kind in UNREADABLE, -RANK[Certainty(line.identifier.certainty)], line.text))


def _line(rows: list[Identifier], mark: str) -> IdentifierLine:
    best = max(rows, key=lambda row: (row.valid_to is None, row.kind == "whatsapp", RANK[Certainty(row.certainty)], -row.pk))
    label = IdentifierKind(best.kind).label
    wrote = any(row.value == row.profile.address for row in rows)
    return IdentifierLine(
        identifier=best,
        kind=best.kind,
        label=label,
        text=str(label) if best.kind in UNREADABLE else readable(best.kind, best.value),
        certainty=_("Wrote from it") if wrote and best.certainty == Certainty.CLAIMED else Certainty(best.certainty).label,
        is_attested=best.certainty != Certainty.CLAIMED,
        is_shared=mark == ValueMark.Mark.SHARED,
        is_blocked=mark == ValueMark.Mark.BLOCKED,
        is_ended=all(row.valid_to is not None for row in rows),
        profile_ids=sorted({row.profile_id for row in rows}),
    )


def readable(kind: str, value: str) -> str:
    """An identifier as a person writes it: phones with spaces, mail domains with their letters."""
    if kind in ("phone", "whatsapp"):
        try:
            number = phonenumbers.parse(f"+{value.lstrip('+')}", None)
        except phonenumbers.NumberParseException:
            return value
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    if (kind == "email" and "@xn--" in value) or ".xn--" in value:
        local, _at, domain = value.rpartition("@")
        try:
            return f"{local}@{idna.decode(domain)}"
        except idna.IDNAError:
            return value
    return value


def _shared_notices(people: _People) -> list[SharedNotice]:
    """Values behind which the contact's profiles give names that cannot be one person's."""
    by_id = {profile.pk: profile for profile in people.profiles}
    holders: dict[tuple[str, str], list[Identifier]] = {}
    for identifier in people.identifiers:
        if identifier.kind in UNIFYING and identifier.valid_to is None and (identifier.kind, identifier.key) not in people.marks:
            holders.setdefault((identifier.kind, identifier.key), []).append(identifier)
    notices: dict[int, SharedNotice] = {}
    for rows in holders.values():
        named = [(by_id[row.profile_id], names_in(by_id[row.profile_id].given, {}), row) for row in rows]
        named = sorted((entry for entry in named if entry[1]), key=lambda entry: (entry[0].first_seen_at, entry[0].pk))
        for index, (profile, names, row) in enumerate(named):
            if index and profile.pk not in notices and all(names_conflict(names[0], earlier[1][0]) for earlier in named[:index]):
                notices[profile.pk] = SharedNotice(
                    identifier=row,
                    text=readable(row.kind, row.value),
                    names=list(dict.fromkeys(earlier[1][0] for earlier in named[:index])),
                    other_name=names[0],
                    profile=profile,
                )
    return list(notices.values())


APART_LABELS = {
    "shared": _("they use a value that several people share"),
    "name_conflict": _("one value, two given names"),
    "national_id": _("their national ids differ"),
    "verified": _("each has another confirmed address"),
    "claimed": _("the value was only typed"),
    "policy": _("not enough besides an equal value"),
    "too_many_profiles": _("the contact has too many sources"),
    "merge_storm": _("too many joins at once"),
    "recycled": _("the number changed hands"),
    "similar_email": _("Gmail delivers both addresses to one mailbox"),
    "maybe_two_lines": _("one may be a land line"),
}


def _apart_notices(people: _People) -> list[ApartNotice]:
    """The contacts that a decision kept apart from this one and that nobody has settled since."""
    mine = [profile.pk for profile in people.profiles]
    decisions = MatchDecision.scoped().filter(profile__in=mine, evidence__has_key="apart").order_by("-at", "-pk")[:20]
    why = {pk: entry["why"] for row in reversed(decisions) for entry in row.evidence["apart"] for pk in entry["profiles"]}
    why = {pk: reason for pk, reason in why.items() if reason in APART_LABELS}
    if not why:
        return []
    pairs = NeverMerge.scoped().filter(Q(low__in=mine, high__in=why) | Q(low__in=why, high__in=mine))
    settled = {pk for pair in pairs.values_list("low_id", "high_id") for pk in pair}
    others = Profile.scoped().filter(pk__in=set(why) - settled).exclude(contact=people.contact).select_related("contact")
    notices = {other.contact_id: ApartNotice(contact=other.contact, why=APART_LABELS[why[other.pk]]) for other in others}
    return list(notices.values())


def _profile_lines(people: _People) -> list[ProfileLine]:
    rows: dict[int, list[Identifier]] = {}
    for identifier in people.identifiers:
        rows.setdefault(identifier.profile_id, []).append(identifier)
    corrections: dict[int, list[Profile]] = {}
    for profile in people.profiles:
        if profile.corrects_id:
            corrections.setdefault(profile.corrects_id, []).append(profile)
    return [
        ProfileLine(
            profile=profile,
            name=str(profile.given.get("name") or profile.given.get("username") or ""),
            origin=people.origins[profile.pk],
            channel_kind=profile.channel.kind if profile.channel else "",
            identifiers=_lines(rows.get(profile.pk, []), people.marks),
            corrections=corrections.get(profile.pk, []),
        )
        for profile in people.profiles
        if profile.corrects_id is None and profile.erased_at is None
    ]
