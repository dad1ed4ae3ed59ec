"""Principle 5, for people of whom anything may have been said: merging is commutative, associative and idempotent, and never allows
what was not allowed before; neither does a merge that is taken back."""

import itertools
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.actors import SYSTEM
from accounts.scope import account_scope
from consent.fingerprints import point_of
from consent.gate import Question, Ruling, decide_many
from consent.ledger import opt_out_person
from consent.models import Decision, Purpose
from consent.preferences import set_preferences
from consent.suppressing import suppress
from consent.vocabulary import Action, Origin, SuppressionReason
from contacts.merging import Refused, merge, unmerge
from contacts.models import Contact, Profile, ValueMark
from tests.conftest import make_account
from tests.consent.people import MAIL, SUNDAY, TUESDAY, agree, make_person, point, say, with_postal_address

pytestmark = [pytest.mark.usefixtures("db"), pytest.mark.slow]
EXAMPLES = 300 if settings.default.max_examples >= 1000 else 8
# What is allowed, the least first.
RANK = {"deny": 0, "convert": 1, "defer": 2, "allow": 3}
ZONES = ("", "America/Santiago", "Pacific/Easter", "Europe/Madrid")

who = st.integers(0, 2)
kinds = st.sampled_from(["phone", "email"])
channels = st.sampled_from(["", "whatsapp", "email"])
purposes = st.sampled_from(["", "marketing", "news"])
# Minutes before now; some clocks run ahead.
clocks = st.integers(-600, 60 * 24 * 20)
hours = st.integers(0, 23)
said = st.one_of(
    st.tuples(st.just("grant"), who, kinds, channels, purposes, clocks, st.sampled_from(["proven", "proof", "claim"])),
    st.tuples(st.sampled_from(["withdraw", "object", "request", "stop", "recycle", "soft_opt_in"]), who, kinds, channels, purposes, clocks),
    st.tuples(st.sampled_from(["platform_stop", "platform_resume"]), who, kinds, channels, clocks),
    st.tuples(st.just("everywhere"), who, purposes, clocks),
    st.tuples(st.just("complaint"), who, kinds, clocks),
    st.tuples(st.just("wants"), who, st.sampled_from(ZONES), st.one_of(st.none(), st.tuples(hours, hours)), st.integers(1, 3)),
    st.tuples(st.just("pause"), who, st.integers(1, 60)),
    st.tuples(st.just("received"), who, st.integers(1, 60 * 24 * 9)),
    st.tuples(st.just("share")),
)


def before_now(minutes: int) -> datetime:
    return timezone.now() - timedelta(minutes=minutes)


def happens(what: tuple[Any, ...], people: list[Profile], number: int) -> None:
    match what:
        case ("grant", person, kind, channel, purpose, minutes, how):
            proof = {"form": "feria"} if how == "proof" else None
            at: dict[str, Any] = {"kind": kind, "channel": channel, "purpose": purpose, "occurred_at": before_now(minutes), "proof": proof}
            if how == "proven":
                agree(people[person], **at)
            else:
                say(people[person], Action.GRANT, origin=Origin.IMPORT, **at)
        case ("platform_stop" | "platform_resume" as action, person, kind, channel, minutes):
            say(people[person], Action(action), kind=kind, channel=channel, occurred_at=before_now(minutes))
        case ("everywhere", person, purpose, minutes):
            opt_out_person(
                profile=people[person], origin=Origin.AGENT, occurred_at=before_now(minutes), key=f"e{number}", purpose=purpose, by=SYSTEM
            )
        case ("complaint", person, kind, minutes):
            where = {"ref": point(people[person], kind), "at": before_now(minutes), "key": f"c{number}", "origin": Origin.SYSTEM}
            suppress(reason=SuppressionReason.COMPLAINT, **where)
        case ("wants", person, zone, quiet, cap):
            begins, ends = (time(quiet[0]), time(quiet[1])) if quiet else (None, None)
            wanted = {"timezone": zone, "quiet_from": begins, "quiet_to": ends, "cap_count": cap, "cap_days": 7}
            set_preferences(profile=people[person], by=SYSTEM, **wanted)
        case ("pause", person, days):
            set_preferences(profile=people[person], by=SYSTEM, paused_until=SUNDAY + timedelta(days=days))
        case ("received", person, minutes):
            sent = {"profile": people[person], "purpose": "marketing", "at": before_now(minutes), "subject": f"m{number}"}
            Decision.objects.create(stage="leaving", verdict="allow", counts=True, **sent)
        case ("share",):
            ValueMark.objects.get_or_create(kind="email", key=MAIL, mark="shared")
        case (action, person, kind, channel, purpose, minutes):
            proof = {"order": "17"} if action == "soft_opt_in" else None
            say(people[person], Action(action), kind=kind, channel=channel, purpose=purpose, occurred_at=before_now(minutes), proof=proof)


def rulings(people: list[Profile]) -> list[Ruling]:
    """Everybody, at every address, for everything, by day, by night and in a month."""
    asked = []
    moments = [TUESDAY, TUESDAY + timedelta(hours=13), TUESDAY + timedelta(days=40)]
    for profile, at in itertools.product(people, moments):
        for identifier in profile.identifiers.order_by("pk"):
            channel = "email" if identifier.kind == "email" else "whatsapp"
            asked += [
                Question(
                    ref=point_of(identifier),
                    profile_id=profile.pk,
                    channel=channel,
                    purpose=purpose,
                    at=at,
                    template="" if channel == "email" else "utility" if purpose == "utility" else "marketing",
                    has_unsubscribe=channel == "email",
                    similar_product=True,
                )
                for purpose in ("marketing", "news", "utility")
            ]
    return decide_many(asked)


def words(found: list[Ruling]) -> list[Any]:
    return [(ruling.verdict, ruling.reasons, ruling.not_before) for ruling in found]


def more_permissive(after: Ruling, before: Ruling) -> bool:
    if RANK[after.verdict] != RANK[before.verdict]:
        return RANK[after.verdict] > RANK[before.verdict]
    return after.not_before is not None and before.not_before is not None and after.not_before < before.not_before


def joined(people: list[Profile], order: list[int]) -> None:
    """All three in one contact, in this order; joining them again changes nothing."""
    for one, other in itertools.pairwise(order):
        contacts = [Profile.objects.get(pk=people[number].pk).contact for number in (one, other)]
        merge(contacts=contacts, by=SYSTEM)
    (contact,) = Contact.scoped().filter(profiles__in=people).distinct()
    with pytest.raises(Refused):
        merge(contacts=[contact, contact], by=SYSTEM)


@given(
    first=st.permutations([0, 1, 2]),
    second=st.permutations([0, 1, 2]),
    history=st.lists(said, max_size=9),
    meanwhile=st.lists(said.filter(lambda what: what[0] not in ("wants", "pause", "received", "share")), max_size=3),
    apart=st.permutations([0, 1, 2]),
)
@settings(max_examples=EXAMPLES, deadline=None)
def test_merges_in_any_order_are_one_and_allow_no_more_even_when_taken_back(
    first: list[int], second: list[int], history: list[Any], meanwhile: list[Any], apart: list[int]
) -> None:
    with transaction.atomic():
        with account_scope(make_account("leyes")):
            Purpose.objects.create(key="news", purpose_class="marketing")
            with_postal_address()
            people = [make_person(("phone", f"+5698123456{number}"), ("email", MAIL), name=f"P{number}") for number in range(3)]
            for number, what in enumerate(history):
                happens(what, people, number)
            before = rulings(people)

            undone = transaction.savepoint()
            joined(people, first)
            one_way = words(rulings(people))
            transaction.savepoint_rollback(undone)
            joined(people, second)
            after = rulings(people)

            assert words(after) == one_way
            assert not [pair for pair in zip(after, before, strict=True) if more_permissive(*pair)]

            # What is said of one while they are one; then they part.
            for number, what in enumerate(meanwhile):
                happens(what, people, 100 + number)
            together = rulings(people)
            for number in apart[:2]:
                profile = Profile.objects.get(pk=people[number].pk)
                unmerge(contact=profile.contact, profiles=[profile], by=SYSTEM)
            parted = rulings(people)
            if not meanwhile:
                assert words(parted) == words(before)
            for now, then, was in zip(parted, together, before, strict=True):
                # Of what one's wishes or cap held back for the others, nothing holds them back any more; what was said stands. (Wishes
                # that leave no hour at all close the gate, and then it looks no further.)
                if "gate_unavailable" not in {*now.reasons, *then.reasons}:
                    assert [r for r in now.reasons if r in SAID] == [r for r in then.reasons if r in SAID]
                if not any(what[0] in ("grant", "platform_resume", "soft_opt_in") for what in meanwhile):
                    assert not more_permissive(now, was)
        transaction.set_rollback(True)


# What comes from the ledger: a merge and an unmerge leave it as it is.
SAID = frozenset({"suppressed", "stopped", "withdrawn", "platform_opt_out", "no_consent", "soft_opt_in"})
