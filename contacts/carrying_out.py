"""Write down what was decided about a record: the profile, its identifiers, the merge, the reason, and what waits for a person."""

from collections.abc import Collection, Iterable
from typing import Any

from django.db.models import Max
from django.utils.translation import gettext as _

from accounts.actors import UNIFIED_RULE
from accounts.models import Account, Channel, MatchingPolicy
from contacts.announcements import contacts_changed
from contacts.block_keys import write_keys
from contacts.deduplication.reading import record_of
from contacts.finding_matches import names_in
from contacts.merging import join, oldest_home
from contacts.models import Certainty, Contact, Identifier, MatchDecision, Profile, Source
from contacts.normalising import NormalValue
from contacts.plans import Plan, Recognition
from contacts.protections import Sorted, sort_out
from contacts.proving import proof_for, scores
from contacts.reading_claims import ReadIdentifier, Record, write_given, write_identifiers
from contacts.recycled_numbers import NUMBERS, end_number
from contacts.shared_values import mark_by_rule, people_behind
from contacts.suggesting_kept_apart import suggest_kept_apart
from contacts.suggesting_similar import ask_for_lookup
from contacts.survivorship import refresh
from contacts.verdicts import evidence_of, kept_apart, outcome_of, side_of

Outcome = MatchDecision.Outcome


def carry_out(
    account: Account,
    plan: Plan,
    record: Record,
    cause: str,
    *,
    channel: Channel | None,
    place: str,
    kind: str,
    source: str = "",
    copies: Profile | None = None,
) -> Recognition:
    """Do what the plan found, under the locks that finding it took."""
    before = plan.profile.contact_id if plan.profile else None
    base = before if before is not None else plan.contact_id
    proof = proof_for(account, plan, record, base)
    verdict = sort_out(account=account, base=base, record=side_of(plan, record), matches=plan.matches, at=record.occurred_at, proof=proof)
    if plan.profile is not None and not plan.fresh and not _says_more(plan.profile, record):
        return _seen_again(plan, record, verdict, place, kind)
    joined = list(Profile.scoped().filter(contact__in=verdict.joined)) if verdict.joined else []
    profile, fresh = plan.profile, plan.fresh
    if profile is None:
        contact_id = oldest_home(joined) if joined else None
        profile = _make_profile(plan, record, contact_id, channel=channel, place=place, source=source)
        joined.append(profile)
        if copies is not None:
            fresh = (*fresh, *_address_identifiers(copies, fresh))
    else:
        profile = next(each for each in joined if each.pk == profile.pk)
        _note_seen(profile, record)
    written = write_identifiers(profile, fresh, plan.known, record.occurred_at)
    _write_keys(account, profile, [*plan.known, *written])
    apart = kept_apart(plan, verdict)
    touched = _end_lost_numbers(plan, record, verdict)
    evidence = evidence_of(plan, record, verdict, apart, source)
    if proof is not None:
        evidence |= scores(proof, verdict.joined, base)
    is_merge = len(verdict.joined) > 1
    if is_merge:
        join(profiles=joined, by=UNIFIED_RULE, cause="unified", evidence={**evidence, "profile": profile.pk})
        profile.refresh_from_db()
    touched -= {profile.contact_id}
    if touched or not is_merge:
        shown = sorted({*touched, *([] if is_merge else [profile.contact_id])})
        refresh(shown)
        contacts_changed.send(sender=Profile, contact_ids=shown)
    outcome, rule = outcome_of(plan, verdict, apart, is_merge)
    if plan.profile is None or plan.fresh:
        MatchDecision.objects.create(
            profile=profile, outcome=outcome, rule=rule, evidence=evidence, unified=account.unification_enabled, cause=cause[:80]
        )
    _put_before_people(plan, record, profile, apart)
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


def _write_keys(account: Account, profile: Profile, identifiers: Iterable[Identifier]) -> None:
    """Note under which keys the profile is found as similar, and ask a worker whom it may be the same as."""
    if profile.corrects_id is not None:
        return
    valid = [(each.kind, each.key, each.certainty != Certainty.CLAIMED) for each in identifiers if each.valid_to is None]
    similar = record_of(profile.pk, profile.contact_id, profile.given, profile.later, valid)
    looks_up = account.unification_enabled and account.matching_policy != MatchingPolicy.DETERMINISTIC
    write_keys([similar], of=[profile.pk], look_up=[profile.pk] if looks_up else [])
    if looks_up:
        ask_for_lookup(profile.pk)


def _end_lost_numbers(plan: Plan, record: Record, verdict: Sorted) -> set[int]:
    """A number that changed hands leads to its former person no more, where the provider attests who has it now.

    Returns the contacts that lost it.
    """
    keys = [each.normal.key for each in record.of_kinds(NUMBERS) if each.certainty == Certainty.ATTESTED]
    lost = {entry["contact"] for entry in verdict.apart_because("recycled")}
    if plan.recycled_from is not None:
        lost.add(plan.recycled_from.contact_id)
    if not lost or not keys:
        return set()
    holders = Profile.scoped().filter(contact__in=lost).values_list("pk", flat=True)
    end_number(profile_ids=holders, keys=keys, at=record.occurred_at)
    return lost


def _put_before_people(plan: Plan, record: Record, profile: Profile, apart: list[dict[str, Any]]) -> None:
    matches = (*plan.matches, *plan.shared_matches, *plan.loose_matches)
    suggest_kept_apart(profile=profile, apart=apart, matches=matches, said=record.identifiers)
    for kind, key in plan.newly_shared:
        given = [name for match in plan.shared_matches if (match.kind, match.key) == (kind, key) for name in match.names]
        people = people_behind([*given, *names_in({"name": record.name}, {})])
        mark_by_rule(kind=kind, key=key, names=people, reason=_("%(count)d people with different names use it") % {"count": len(people)})


def _seen_again(plan: Plan, record: Record, verdict: Sorted, place: str, kind: str) -> Recognition:
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


def _says_more(profile: Profile, record: Record) -> bool:
    trial = Profile(given=dict(profile.given), given_at=dict(profile.given_at), later=dict(profile.later))
    return write_given(trial, record.given, record.occurred_at) or record.occurred_at < profile.first_seen_at


def _note_seen(profile: Profile, record: Record) -> None:
    write_given(profile, record.given, record.occurred_at)
    profile.first_seen_at = min(profile.first_seen_at, record.occurred_at)
    profile.last_seen_at = max(profile.last_seen_at, record.occurred_at)
    profile.save(update_fields=["given", "given_at", "later", "first_seen_at", "last_seen_at"])


def _make_profile(plan: Plan, record: Record, contact_id: int | None, *, channel: Channel | None, place: str, source: str) -> Profile:
    """A profile in the given contact, or in a new one, which is then its home. What has an address is the channel's."""
    home = None
    if contact_id is None:
        home = Contact.objects.create(born_at=record.occurred_at, last_seen_at=record.occurred_at)
        contact_id = home.pk
    last = 0
    if place:
        episodes = Profile.scoped().filter(channel=channel, address=place)
        last = episodes.aggregate(last=Max("episode"))["last"] or 0
        episodes.filter(is_current=True).update(is_current=False)
    profile = Profile(
        contact_id=contact_id,
        home=home,
        source=Source.CHANNEL if place else source,
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
