"""The planned history: the same each time, in the order of time, and made of what people would write."""

import random
from datetime import UTC, datetime, timedelta

from config.demo.history import STILL_OPEN, Plan, plan_steps
from config.demo.people import make_people
from config.demo.stories import stories

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
CHANNELS = frozenset({"whatsapp", "instagram", "email", "webchat"})


def plan(conversations: int = 300) -> Plan:
    people = make_people(count=60, rng=random.Random(1), start=0)
    return Plan(people=people, stories=stories("tienda"), conversations=conversations, channels=CHANNELS)


def test_the_same_seed_gives_the_same_history() -> None:
    assert plan_steps(plan(), now=NOW, rng=random.Random(2)) == plan_steps(plan(), now=NOW, rng=random.Random(2))


def test_three_months_end_a_moment_ago() -> None:
    steps = plan_steps(plan(), now=NOW, rng=random.Random(2))

    times = [step.at for step in steps]
    assert times == sorted(times)
    assert timedelta(days=85) < NOW - times[0] < timedelta(days=100)
    assert NOW - timedelta(hours=2) < times[-1] < NOW
    assert {step.channel for step in steps} == CHANNELS
    assert {step.case for step in steps} >= set(range(300 - STILL_OPEN))


def test_the_cast_holds_what_the_demo_is_to_show() -> None:
    people = make_people(count=200, rng=random.Random(3), start=0)

    duplicates = [person for person in people if person.role == "duplicate"]
    assert all(len(person.spellings) == 2 and person.other_email not in {"", person.email} for person in duplicates)
    families = [person for person in people if person.role == "family"]
    assert len({person.wa_id for person in families}) < len(families)
    mailbox = [person for person in people if person.role == "mailbox"]
    assert len(mailbox) >= 4
    assert len({person.email for person in mailbox}) == 1
    assert any(person.opted_out for person in people)


def test_no_placeholder_is_left_in_what_people_wrote() -> None:
    for name in ("tienda", "clinica"):
        steps = plan_steps(
            Plan(people=plan().people, stories=stories(name), conversations=200, channels=CHANNELS), now=NOW, rng=random.Random(4)
        )
        assert not [step.text for step in steps if "{" in step.text or "}" in step.text]
