"""Decide whose record it is: create, attach or merge, with the reason on record.

Deterministic matching in both modes. *Standard*: one channel address is one person until a silence; nothing else joins by itself.
*Unified*: the address's profile, else whoever has the same email or phone anywhere in the account, else somebody new. Call it once
per transaction: it takes the locks on the match keys, then on the contacts.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from accounts.models import Account, Channel, MatchingPolicy
from accounts.scope import current_account_id
from accounts.tenancy import TenantQuerySet
from contacts.carrying_out import carry_out
from contacts.claims import Address, Claim
from contacts.finding_matches import Found, find_matches, names_in
from contacts.locks import hold, lock_keys
from contacts.marking import is_shared, marks_on, phone_of_whatsapp
from contacts.models import UNIFYING, Certainty, EndReason, Identifier, Profile, Source, ValueMark
from contacts.names import names_conflict
from contacts.plans import Plan, Recognition
from contacts.reading_claims import ReadIdentifier, Record, normal_address, read_claim, stronger_than_known
from contacts.record_versions import newer_than, replace_version, show_version
from contacts.recycled_numbers import NUMBERS, changed_hands
from contacts.shared_values import too_many_people

__all__ = ["FindOpenProfile", "Recognition", "learn", "recognise", "take_record"]

# A WhatsApp user has a number and, within a business, an id (BSUID). Messages name either or both; the id is one person's only.
OTHER_ADDRESSES = frozenset({"whatsapp_user"})

# Given the ids of the profiles that use a shared address: the one whose conversation is open and was active last, if any.
FindOpenProfile = Callable[[Collection[int]], Profile | None]


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

    def find() -> Plan:
        plan = _whose(account, channel, address, place, record, replies_to, open_profile_on_shared)
        return _with_matches(account, plan, record)

    plan = hold(find, contacts_of=lambda found: found.contacts)
    return carry_out(account, plan, record, cause, channel=channel, place=place, kind=address.kind)


@transaction.atomic
def learn(*, profile: Profile, claim: Claim, occurred_at: datetime, source: str = Source.FORM, cause: str) -> Recognition:
    """Take in what the profile's person says later (form, bot, agent), and decide again at once by the account's mode.

    On a browser that another person used before (another name and another email), the answer is another profile.
    """
    account = Account.objects.get(pk=current_account_id())
    record = read_claim(claim, occurred_at=occurred_at, region=account.default_region, channel=profile.channel)
    keys = [each.match_key for each in record.identifiers if each.unifies]
    lock_keys([(f"address:{profile.channel_id}", profile.address), *keys] if profile.address else keys)

    def find() -> Plan:
        mine = Profile.scoped().get(pk=profile.pk)
        return _with_matches(account, _same_browser(mine, record, Plan(rule="learnt", profile=mine)), record)

    plan = hold(find, contacts_of=lambda found: found.contacts)
    kind = Identifier.scoped().filter(profile=profile, value=profile.address).values_list("kind", flat=True).first() or ""
    return carry_out(account, plan, record, cause, channel=profile.channel, place=profile.address, kind=kind, source=source, copies=profile)


@transaction.atomic(savepoint=False)
def take_record(*, source: str, claim: Claim, occurred_at: datetime, cause: str, profile: Profile | None = None) -> Recognition:
    """Take in a record that another system keeps (CRM, import, customer data): a profile of its own, matched by the account's mode.

    ``profile`` is the one that an earlier version of the record made. Then fields and kinds of identifiers that the claim leaves
    out stay as they are, an empty value takes one away, and an identifier that the record has another value for now ends as replaced.
    ``occurred_at`` is when the other system changed it (aware). Call it once per transaction. Raises ``contacts.locks.StillMoving``,
    ``Profile.DoesNotExist`` where the profile was erased.
    """
    account = Account.objects.get(pk=current_account_id())
    said = replace(claim, identifiers=tuple(each for each in claim.identifiers if each.raw.strip()))
    record = read_claim(said, occurred_at=occurred_at, region=account.default_region)
    lock_keys([each.match_key for each in record.identifiers if each.unifies])

    def find() -> Plan:
        if profile is None:
            return _with_matches(account, Plan(rule="new_record"), record)
        mine = Profile.scoped().get(pk=profile.pk, erased_at=None)
        return _with_matches(account, Plan(rule="same_record", profile=mine), record)

    plan = hold(find, contacts_of=lambda found: found.contacts)
    replaced = False
    if plan.profile is not None:
        record = newer_than(plan.profile, record)
        replaced = replace_version(plan, claim, record)
    found = carry_out(account, plan, record, cause, channel=None, place="", kind="", source=source)
    if replaced:
        show_version(found.profile)
    return found


def _whose(
    account: Account,
    channel: Channel,
    address: Address,
    place: str,
    record: Record,
    replies_to: Profile | None,
    open_profile_on_shared: FindOpenProfile | None,
) -> Plan:
    """The profile that the address leads to, before any other key is looked at."""
    episodes = Profile.scoped().filter(channel=channel, address=place)
    current = episodes.filter(is_current=True).first() or _by_other_address(channel, record)
    keys = [_key_of(each) for each in record.of_kinds([address.kind]) if each.normal.value == place]
    if shared := is_shared(keys):
        plan = _of_shared_address(channel, place, shared, current, replies_to, open_profile_on_shared)
        if not plan.asks_who:
            return plan
    if replies_to is not None and (answered := episodes.filter(pk=replies_to.pk).first()):
        return Plan(rule="reply", profile=answered)
    if current is None:
        return replace(_whoever_has_it_now(episodes, place), asks_who=bool(shared))
    if not account.unification_enabled and _was_silent(current, record.occurred_at, account):
        return Plan(rule="silence", former=current)
    if shared:
        return plan
    names = names_in({"name": record.name}, {})
    spellings = [key for _kind, key in keys]
    is_number = account.unification_enabled and address.kind in NUMBERS
    if is_number and changed_hands(account, current, names=names, keys=spellings, at=record.occurred_at):
        return Plan(rule="recycled", former=current, recycled_from=current)
    plan = Plan(rule="same_address", profile=current)
    return _same_browser(current, record, plan) if address.kind == "visitor" else plan


def _whoever_has_it_now(episodes: TenantQuerySet[Profile], place: str) -> Plan:
    """Nobody writes from the address now; whoever did may have lost it to somebody else."""
    lost = Identifier.scoped().filter(end_reason=EndReason.RECYCLED, profile__in=episodes, value=place)
    former = episodes.filter(pk__in=lost.values("profile")).order_by("-episode").first()
    return Plan(rule="recycled", former=former, recycled_from=former) if former else Plan(rule="unknown")


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
) -> Plan:
    """A message on an address that several people use goes to the person it answers, else to the open conversation's."""
    speaker, rule = replies_to, "shared_reply"
    if speaker is None and open_profile_on_shared is not None:
        users = set(Profile.scoped().filter(channel=channel, address=place).values_list("pk", flat=True))
        holders = Identifier.scoped().filter(key__in=[key for _kind, key in keys], kind__in=[kind for kind, _key in keys], valid_to=None)
        speaker, rule = open_profile_on_shared(users | set(holders.values_list("profile_id", flat=True))), "shared_open"
    if speaker is None:
        return Plan(rule="shared_unclear", profile=current, asks_who=True)
    contact_id = Profile.scoped().get(pk=speaker.pk).contact_id
    own = Profile.scoped().filter(channel=channel, address=place, contact=contact_id).order_by("-is_current", "-episode").first()
    if own is not None:
        return Plan(rule=rule, profile=own)
    return Plan(rule=rule, contact_id=contact_id, former=None, known=(), contacts={speaker.pk: contact_id})


def _same_browser(profile: Profile, record: Record, otherwise: Plan) -> Plan:
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
            return Plan(rule="other_person", profile=episode)
    return Plan(rule="other_person", former=profile)


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


def _with_matches(account: Account, plan: Plan, record: Record) -> Plan:
    """The plan with what is new in the record, and the profiles that its keys lead to."""
    profile = plan.profile
    known = tuple(Identifier.scoped().filter(profile=profile)) if profile else ()
    fresh = tuple(stronger_than_known(record, known))
    marks = marks_on([each.match_key for each in fresh if each.unifies], region=account.default_region)
    plan = replace(plan, known=known, fresh=fresh, marks=marks)
    return weigh(account, plan, record, find=partial(find_matches, not_profile=profile.pk if profile else None))


def weigh(account: Account, plan: Plan, record: Record, *, find: Callable[[Sequence[ReadIdentifier]], Found]) -> Plan:
    """The plan with the profiles that its fresh keys lead to, as far as the account's rules let them. ``find`` says whom keys lead to."""
    profile, former, marks = plan.profile, plan.recycled_from, plan.marks
    unifying = [each for each in plan.fresh if each.unifies]
    contacts = {person.pk: person.contact_id for person in (profile, former) if person is not None}
    plan = replace(plan, contacts={**plan.contacts, **contacts})
    if not account.unification_enabled:
        return plan
    usable = [each for each in unifying if marks.get(each.match_key) != ValueMark.Mark.BLOCKED]
    found = find(usable)
    names = [*names_in({"name": record.name}, {}), *(names_in(profile.given, profile.later) if profile else [])]
    # Whoever lost the number is not found by it again.
    others = [match for match in found.equal if former is None or match.contact_id != former.contact_id]
    crowded = too_many_people(account, names, [match for match in others if (match.kind, match.key) not in marks])
    unusable = {*marks, *crowded}
    matches = tuple(match for match in others if (match.kind, match.key) not in unusable)
    is_asked = account.matching_policy != MatchingPolicy.DETERMINISTIC
    return replace(
        plan,
        matches=matches,
        shared_matches=tuple(match for match in others if (match.kind, match.key) in unusable),
        loose_matches=found.loose if is_asked else (),
        newly_shared=tuple(crowded),
        contacts={**plan.contacts, **{match.profile_id: match.contact_id for match in matches}},
    )
