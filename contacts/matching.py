"""Decide whose record it is: create, attach or merge, with the reason on record.

Deterministic matching in both modes. *Standard*: one channel address is one person until a silence; nothing else joins by itself.
*Unified*: the address's profile, else whoever has the same email or phone anywhere in the account, else somebody new. Call it once
per transaction: it takes the locks on the match keys, then on the contacts.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max

from accounts.actors import UNIFIED_RULE
from accounts.models import Account, Channel
from accounts.scope import current_account_id
from contacts.announcements import contacts_changed
from contacts.claims import Address, Claim
from contacts.locks import hold, lock_keys
from contacts.marking import is_shared, marks_on, phone_of_whatsapp
from contacts.merging import join, oldest_home
from contacts.models import UNIFYING, Certainty, Contact, Identifier, MatchDecision, Profile, Source, ValueMark
from contacts.names import names_conflict
from contacts.normalising import NormalValue
from contacts.protections import Match, Side, Sorted, find_matches, names_in, sort_out
from contacts.reading_claims import (
    ReadIdentifier,
    Record,
    normal_address,
    read_claim,
    stronger_than_known,
    write_given,
    write_identifiers,
)
from contacts.survivorship import refresh

Outcome = MatchDecision.Outcome
# A WhatsApp user has a number and, within a business, an id (BSUID). Messages name either or both; the id is one person's only.
OTHER_ADDRESSES = frozenset({"whatsapp_user"})

# Given the ids of the profiles that use a shared address: the one whose conversation is open and was active last, if any.
FindOpenProfile = Callable[[Collection[int]], Profile | None]


@dataclass(frozen=True)
class Recognition:
    """Whose record it is. ``identifier`` is the address it came from, as an identifier of ``profile``.

    ``conflict_names``: names in the contact that cannot be this record's person's. ``previous_contact_id``: the contact that the
    profile sat in before, where this decision merged it away.
    """

    profile: Profile
    outcome: str
    rule: str
    asks_who: bool = False
    conflict_names: list[str] = field(default_factory=list)
    is_new_profile: bool = False
    is_new_contact: bool = False
    previous_contact_id: int | None = None
    identifier: Identifier | None = None

    @property
    def contact(self) -> Contact:
        """The contact that the profile sits in now; read when it is first asked for."""
        return self.profile.contact


@dataclass(frozen=True)
class _Plan:
    """What was found. ``profile``: the one that gets the record; ``None``: a new one, in ``contact_id`` where that is known."""

    rule: str
    profile: Profile | None = None
    former: Profile | None = None
    contact_id: int | None = None
    asks_who: bool = False
    known: tuple[Identifier, ...] = ()
    fresh: tuple[ReadIdentifier, ...] = ()
    matches: tuple[Match, ...] = ()
    shared_matches: tuple[Match, ...] = ()
    marks: dict[tuple[str, str], str] = field(default_factory=dict)
    contacts: dict[int, int] = field(default_factory=dict)


@transaction.atomic(savepoint=False)
def recognise(
    *,
    channel: Channel,
    address: Address,
    claim: Claim,
    occurred_at: datetime,
    replies_to: Profile | None = None,
    open_profile_on_shared: FindOpenProfile | None = None,
    cause: str = "message",
) -> Recognition:
    """The profile and contact of whoever writes from ``address`` at ``occurred_at`` (aware, the provider's time).

    ``replies_to`` is the profile of our own message that this one provably answers. Raises ``contacts.locks.StillMoving``.
    """
    account = Account.objects.get(pk=current_account_id())
    region = account.default_region
    place = normal_address(address, region=region)
    record = read_claim(claim, occurred_at=occurred_at, region=region, channel=channel, address=address)
    places = dict.fromkeys([place, *(each.normal.value for each in record.of_kinds(OTHER_ADDRESSES))])
    lock_keys([*((f"address:{channel.pk}", each) for each in places), *(each.match_key for each in record.identifiers if each.unifies)])

    def find() -> _Plan:
        plan = _whose(account, channel, address, place, record, replies_to, open_profile_on_shared)
        return _with_matches(account, plan, record)

    plan = hold(find, contacts_of=lambda found: found.contacts)
    return _carry_out(account, plan, record, cause, channel=channel, place=place, kind=address.kind)


@transaction.atomic
def learn(*, profile: Profile, claim: Claim, occurred_at: datetime, source: str = Source.FORM, cause: str) -> Recognition:
    """Take in what the profile's person says later (form, bot, agent), and decide again at once by the account's mode.

    On a browser that another person used before (another name and another email), the answer is another profile.
    """
    account = Account.objects.get(pk=current_account_id())
    record = read_claim(claim, occurred_at=occurred_at, region=account.default_region, channel=profile.channel)
    keys = [each.match_key for each in record.identifiers if each.unifies]
    lock_keys([(f"address:{profile.channel_id}", profile.address), *keys] if profile.address else keys)

    def find() -> _Plan:
        mine = Profile.scoped().get(pk=profile.pk)
        return _with_matches(account, _same_browser(mine, record, _Plan(rule="learnt", profile=mine)), record)

    plan = hold(find, contacts_of=lambda found: found.contacts)
    kind = Identifier.scoped().filter(profile=profile, value=profile.address).values_list("kind", flat=True).first() or ""
    return _carry_out(
        account, plan, record, cause, channel=profile.channel, place=profile.address, kind=kind, source=source, copies=profile
    )


def _whose(
    account: Account,
    channel: Channel,
    address: Address,
    place: str,
    record: Record,
    replies_to: Profile | None,
    open_profile_on_shared: FindOpenProfile | None,
) -> _Plan:
    """The profile that the address leads to, before any other key is looked at."""
    episodes = Profile.scoped().filter(channel=channel, address=place)
    current = episodes.filter(is_current=True).first() or _by_other_address(channel, record)
    keys = [_key_of(each) for each in record.of_kinds([address.kind]) if each.normal.value == place]
    if shared := is_shared(keys):
        plan = _of_shared_address(channel, place, shared, current, replies_to, open_profile_on_shared)
        if not plan.asks_who:
            return plan
    if replies_to is not None and (answered := episodes.filter(pk=replies_to.pk).first()):
        return _Plan(rule="reply", profile=answered)
    if current is None:
        return _Plan(rule="unknown", asks_who=bool(shared))
    if not account.unification_enabled and _was_silent(current, record.occurred_at, account):
        return _Plan(rule="silence", former=current)
    if shared:
        return plan
    plan = _Plan(rule="same_address", profile=current)
    return _same_browser(current, record, plan) if address.kind == "visitor" else plan


def _by_other_address(channel: Channel, record: Record) -> Profile | None:
    """Somebody with two addresses on one channel: whichever a message names, it is the profile that was attested the other."""
    keys = [each.normal.key for each in record.of_kinds(OTHER_ADDRESSES) if each.certainty == Certainty.ATTESTED]
    if not keys:
        return None
    attested = Identifier.scoped().filter(kind__in=OTHER_ADDRESSES, key__in=keys, certainty=Certainty.ATTESTED, valid_to=None)
    known = Profile.scoped().filter(channel=channel, is_current=True, pk__in=attested.values("profile"))
    return known.order_by("-last_seen_at", "-pk").first()


def _key_of(identifier: ReadIdentifier) -> tuple[str, str]:
    return phone_of_whatsapp(identifier.normal.key) if identifier.kind == "whatsapp" else identifier.match_key


def _was_silent(profile: Profile, at: datetime, account: Account) -> bool:
    return at - profile.last_seen_at > timedelta(hours=account.new_contact_after_hours)


def _of_shared_address(
    channel: Channel,
    place: str,
    keys: list[tuple[str, str]],
    current: Profile | None,
    replies_to: Profile | None,
    open_profile_on_shared: FindOpenProfile | None,
) -> _Plan:
    """A message on an address that several people use goes to the person it answers, else to the open conversation's."""
    speaker, rule = replies_to, "shared_reply"
    if speaker is None and open_profile_on_shared is not None:
        users = set(Profile.scoped().filter(channel=channel, address=place).values_list("pk", flat=True))
        holders = Identifier.scoped().filter(key__in=[key for _kind, key in keys], kind__in=[kind for kind, _key in keys], valid_to=None)
        speaker, rule = open_profile_on_shared(users | set(holders.values_list("profile_id", flat=True))), "shared_open"
    if speaker is None:
        return _Plan(rule="shared_unclear", profile=current, asks_who=True)
    contact_id = Profile.scoped().get(pk=speaker.pk).contact_id
    own = Profile.scoped().filter(channel=channel, address=place, contact=contact_id).order_by("-is_current", "-episode").first()
    if own is not None:
        return _Plan(rule=rule, profile=own)
    return _Plan(rule=rule, contact_id=contact_id, former=None, known=(), contacts={speaker.pk: contact_id})


def _same_browser(profile: Profile, record: Record, otherwise: _Plan) -> _Plan:
    """A browser is a device: another name with another email or phone is another person, who may have used it before."""
    if not profile.address or not record.name or not record.of_kinds(UNIFYING):
        return otherwise
    known = list(Identifier.scoped().filter(profile=profile))
    if not any(each.kind == "visitor" for each in known) or not _is_another(profile, known, record):
        return otherwise
    keys = [each.normal.key for each in record.of_kinds(UNIFYING)]
    earlier = Profile.scoped().filter(channel=profile.channel_id, address=profile.address, identifiers__key__in=keys)
    for episode in earlier.exclude(pk=profile.pk).distinct().order_by("-episode"):
        if not any(names_conflict(name, record.name) for name in names_in(episode.given, episode.later)):
            return _Plan(rule="other_person", profile=episode)
    return _Plan(rule="other_person", former=profile)


def _is_another(profile: Profile, known: list[Identifier], record: Record) -> bool:
    names = names_in(profile.given, profile.later)
    if not names or not all(names_conflict(name, record.name) for name in names):
        return False
    differs = False
    for kind in UNIFYING:
        mine = {each.key for each in known if each.kind == kind}
        theirs = {each.normal.key for each in record.of_kinds([kind])}
        if mine & theirs:
            return False
        differs = differs or bool(mine and theirs)
    return differs


def _with_matches(account: Account, plan: _Plan, record: Record) -> _Plan:
    """The plan with what is new in the record, and the profiles that its keys lead to."""
    profile = plan.profile
    known = tuple(Identifier.scoped().filter(profile=profile)) if profile else ()
    fresh = tuple(stronger_than_known(record, known))
    unifying = [each for each in fresh if each.unifies]
    marks = marks_on([each.match_key for each in unifying], region=account.default_region)
    matches: tuple[Match, ...] = ()
    shared_matches: tuple[Match, ...] = ()
    if account.unification_enabled:
        own = profile.pk if profile else None
        found = find_matches([each for each in unifying if marks.get(each.match_key) != ValueMark.Mark.BLOCKED], not_profile=own)
        matches = tuple(match for match in found if (match.kind, match.key) not in marks)
        shared_matches = tuple(match for match in found if (match.kind, match.key) in marks)
    contacts = {**plan.contacts, **{match.profile_id: match.contact_id for match in matches}}
    if profile is not None:
        contacts[profile.pk] = profile.contact_id
    return _Plan(
        rule=plan.rule,
        profile=profile,
        former=plan.former,
        contact_id=plan.contact_id,
        asks_who=plan.asks_who,
        known=known,
        fresh=fresh,
        matches=matches,
        shared_matches=shared_matches,
        marks=marks,
        contacts=contacts,
    )


def _carry_out(
    account: Account,
    plan: _Plan,
    record: Record,
    cause: str,
    *,
    channel: Channel | None,
    place: str,
    kind: str,
    source: str = "",
    copies: Profile | None = None,
) -> Recognition:
    before = plan.profile.contact_id if plan.profile else None
    base = before if before is not None else plan.contact_id
    verdict = sort_out(account=account, base=base, record=_side_of(plan, record), matches=plan.matches)
    if plan.profile is not None and not plan.fresh and not _says_more(plan.profile, record):
        return _seen_again(plan, record, verdict, place, kind)
    joined = list(Profile.scoped().filter(contact__in=verdict.joined)) if verdict.joined else []
    profile, fresh = plan.profile, plan.fresh
    if profile is None:
        contact_id = oldest_home(joined) if joined else None
        profile = _make_profile(plan, record, contact_id, channel=channel, place=place)
        joined.append(profile)
        if copies is not None:
            fresh = (*fresh, *_address_identifiers(copies, fresh))
    else:
        profile = next(each for each in joined if each.pk == profile.pk)
        _note_seen(profile, record)
    write_identifiers(profile, fresh, plan.known, record.occurred_at)
    evidence = _evidence(plan, record, verdict, source)
    is_merge = len(verdict.joined) > 1
    if is_merge:
        join(profiles=joined, by=UNIFIED_RULE, cause="unified", evidence={**evidence, "profile": profile.pk})
        profile.refresh_from_db()
    else:
        refresh([profile.contact_id])
        contacts_changed.send(sender=Profile, contact_ids=[profile.contact_id])
    outcome, rule = _outcome(plan, verdict, is_merge)
    if plan.profile is None or plan.fresh:
        MatchDecision.objects.create(
            profile=profile, outcome=outcome, rule=rule, evidence=evidence, unified=account.unification_enabled, cause=cause[:80]
        )
    _make_current(profile)
    return Recognition(
        profile=profile,
        outcome=outcome,
        rule=rule,
        asks_who=plan.asks_who,
        conflict_names=verdict.conflict_names,
        is_new_profile=plan.profile is None,
        is_new_contact=not verdict.joined,
        previous_contact_id=before if before != profile.contact_id else None,
        identifier=Identifier.scoped().filter(profile=profile, kind=kind, value=place).first(),
    )


def _seen_again(plan: _Plan, record: Record, verdict: Sorted, place: str, kind: str) -> Recognition:
    """Nothing new but the time: the way of nearly every message, so it writes two rows and no history."""
    profile = plan.profile
    assert profile is not None
    if record.occurred_at > profile.last_seen_at:
        Profile.scoped().filter(pk=profile.pk).update(last_seen_at=record.occurred_at)
        Contact.scoped().filter(pk=profile.contact_id, last_seen_at__lt=record.occurred_at).update(last_seen_at=record.occurred_at)
        profile.last_seen_at = record.occurred_at
    _make_current(profile)
    return Recognition(
        profile=profile,
        outcome=Outcome.UPDATED,
        rule=plan.rule,
        asks_who=plan.asks_who,
        conflict_names=verdict.conflict_names,
        identifier=next((each for each in plan.known if each.kind == kind and each.value == place), None),
    )


def _side_of(plan: _Plan, record: Record) -> Side:
    names = names_in(plan.profile.given, plan.profile.later) if plan.profile else []
    names += names_in({"name": record.name}, {})
    ids = {each.key for each in plan.known if each.kind == "national_id"} | {each.normal.key for each in record.of_kinds(["national_id"])}
    return Side(names=list(dict.fromkeys(names)), national_ids=ids)


def _says_more(profile: Profile, record: Record) -> bool:
    trial = Profile(given=dict(profile.given), given_at=dict(profile.given_at), later=dict(profile.later))
    return write_given(trial, record.given, record.occurred_at) or record.occurred_at < profile.first_seen_at


def _note_seen(profile: Profile, record: Record) -> None:
    write_given(profile, record.given, record.occurred_at)
    profile.first_seen_at = min(profile.first_seen_at, record.occurred_at)
    profile.last_seen_at = max(profile.last_seen_at, record.occurred_at)
    profile.save(update_fields=["given", "given_at", "later", "first_seen_at", "last_seen_at"])


def _make_profile(plan: _Plan, record: Record, contact_id: int | None, *, channel: Channel | None, place: str) -> Profile:
    """A profile in the given contact, or in a new one, which is then its home."""
    home = None
    if contact_id is None:
        home = Contact.objects.create(born_at=record.occurred_at, last_seen_at=record.occurred_at)
        contact_id = home.pk
    episodes = Profile.scoped().filter(channel=channel, address=place)
    last = episodes.aggregate(last=Max("episode"))["last"] or 0
    if last:
        episodes.filter(is_current=True).update(is_current=False)
    profile = Profile(
        contact_id=contact_id,
        home=home,
        source=Source.CHANNEL,
        channel=channel,
        address=place,
        episode=last + 1,
        former=plan.former,
        first_seen_at=record.occurred_at,
        last_seen_at=record.occurred_at,
    )
    write_given(profile, record.given, record.occurred_at)
    profile.save()
    return profile


def _make_current(profile: Profile) -> None:
    """New messages of the address go to the person who wrote from it last."""
    if profile.is_current or not profile.address or profile.channel_id is None:
        return
    newer = Profile.scoped().filter(
        channel=profile.channel_id, address=profile.address, is_current=True, last_seen_at__gt=profile.last_seen_at
    )
    if newer.exists():
        return
    Profile.scoped().filter(channel=profile.channel_id, address=profile.address, is_current=True).update(is_current=False)
    Profile.scoped().filter(pk=profile.pk).update(is_current=True)
    profile.is_current = True


def _address_identifiers(of: Profile, fresh: Collection[ReadIdentifier]) -> list[ReadIdentifier]:
    """A second person on one browser writes from the same address: their profile carries it too."""
    have = {(each.kind, each.normal.key) for each in fresh}
    rows = Identifier.scoped().filter(profile=of, value=of.address)
    return [
        ReadIdentifier(row.kind, row.raw, NormalValue(row.value, row.key, row.key_version), row.certainty, row.scope)
        for row in rows
        if (row.kind, row.key) not in have
    ]


def _evidence(plan: _Plan, record: Record, verdict: Sorted, source: str) -> dict[str, Any]:
    joined = [match for match in plan.matches if match.contact_id in verdict.joined]
    apart = list(verdict.apart)
    shared = {match.contact_id for match in plan.shared_matches} - set(verdict.joined) - {entry["contact"] for entry in apart}
    for contact_id in sorted(shared):
        profiles = sorted({match.profile_id for match in plan.shared_matches if match.contact_id == contact_id})
        apart.append({"contact": contact_id, "why": "shared", "profiles": profiles})
    protections = [{"protection": mark, "kind": kind, "key": key} for (kind, key), mark in sorted(plan.marks.items())]
    evidence: dict[str, Any] = {
        "keys": [{"kind": kind, "key": key} for kind, key in sorted({(match.kind, match.key) for match in joined})],
        "matched": sorted({match.profile_id for match in joined}),
        "protections": protections + [{"protection": entry["why"], "contact": entry["contact"]} for entry in apart],
        "apart": apart,
        "conflict_names": verdict.conflict_names,
        "unreadable": [{"kind": each.kind, "raw": each.raw} for each in record.unreadable],
        "source": source,
    }
    return {name: value for name, value in evidence.items() if value}


def _outcome(plan: _Plan, verdict: Sorted, is_merge: bool) -> tuple[str, str]:
    joined = [match for match in plan.matches if match.contact_id in verdict.joined]
    rule = plan.rule
    if joined and (plan.profile is None or is_merge):
        rule = "same_email" if any(match.kind == "email" for match in joined) else "same_phone"
    if is_merge:
        return Outcome.MERGED, rule
    if plan.profile is None and verdict.joined:
        return Outcome.ATTACHED, rule
    if verdict.apart or plan.shared_matches:
        return Outcome.SUGGESTED, rule
    return (Outcome.CREATED if plan.profile is None else Outcome.UPDATED), rule
