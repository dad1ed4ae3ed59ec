"""Three months of who wrote what and when, as a list of steps in the order of time."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from config.demo.people import Person
from config.demo.stories import DAYS, PRODUCTS, Story

SPAN = timedelta(days=92)
# The newest conversations stay as they are in the middle of a working day: open, some of them nobody's.
STILL_OPEN = 24


@dataclass(frozen=True)
class Step:
    """One line of one conversation. ``at`` is aware; ``spelling`` is the name under which the person appears there."""

    at: datetime
    case: int
    person: Person
    spelling: str
    address: str
    channel: str
    who: str
    text: str
    subject: str
    ends: bool
    leaves_email: str = ""


@dataclass(frozen=True)
class Plan:
    """What an account's history is made of."""

    people: Sequence[Person]
    stories: Sequence[Story]
    conversations: int
    channels: frozenset[str]


def plan_steps(plan: Plan, *, now: datetime, rng: random.Random) -> list[Step]:
    """All steps, oldest first, the last a few minutes before ``now``; conversations of one person do not overlap."""
    steps = [step for case in range(plan.conversations) for step in _conversation(plan, case, now=now, rng=rng)]
    return sorted((step for step in steps if step.at < now), key=lambda step: step.at)


def _conversation(plan: Plan, case: int, *, now: datetime, rng: random.Random) -> Iterator[Step]:
    person = plan.people[case] if case < len(plan.people) else rng.choice(plan.people)
    story = rng.choice(plan.stories)
    own = [channel for channel in person.channels if channel in plan.channels] or sorted(plan.channels)[:1]
    start_channel = rng.choice(own)
    at = _start(case, plan.conversations, now=now, rng=rng)
    second_face = person.role == "duplicate" and case % 3 == 1
    spelling = person.spellings[-1] if second_face else person.spellings[0]
    email = person.other_email if second_face and person.other_email else person.email
    words = _words(person, rng)
    turns = story.turns
    if person.opted_out and case < len(plan.people):
        turns = (*turns[:2], type(turns[0])(who="customer", text="BAJA"))
    if case >= plan.conversations - STILL_OPEN:
        # In the middle of things: some wait for their first answer, some for the next.
        turns = turns[: rng.randint(1, len(turns))]
    for index, turn in enumerate(turns):
        # The second channel of a story is tried only by people who own both.
        moved = turn.channel if turn.channel in own else ""
        if turn.channel and not moved:
            break
        channel = moved or start_channel
        yield Step(
            at=at,
            case=case,
            person=person,
            spelling=spelling,
            address={"email": email, "whatsapp": person.wa_id, "instagram": person.instagram, "webchat": email}[channel],
            channel=channel,
            who=turn.who,
            text=turn.text.format(**words),
            subject=story.subject.format(**words),
            ends=index == len(turns) - 1 or bool(turns[index + 1].channel and turns[index + 1].channel not in own),
            leaves_email=email if channel in {"webchat", "instagram"} and "email" in own else "",
        )
        at += _pause(turn.who, rng)


def _start(case: int, total: int, *, now: datetime, rng: random.Random) -> datetime:
    """Mornings and afternoons of weekdays mostly; the newest cases begin within the last hours."""
    if case >= total - STILL_OPEN:
        return now - timedelta(minutes=rng.triangular(4, 60 * 10, 15))
    day = now - SPAN * (1 - case / total) - timedelta(hours=rng.random() * 30)
    hour = rng.choices(range(12, 25), weights=[3, 6, 9, 10, 8, 6, 7, 9, 9, 7, 5, 3, 2])[0] % 24
    start = day.replace(hour=hour, minute=rng.randint(0, 59), second=rng.randint(0, 59))
    if start.weekday() >= 5 and rng.random() < 0.6:
        start -= timedelta(days=2)
    return min(start, now - timedelta(hours=22))


def _pause(who: str, rng: random.Random) -> timedelta:
    seconds = rng.lognormvariate(5.6, 0.9) if who != "agent" else rng.lognormvariate(6.2, 1.1)
    return timedelta(seconds=min(max(seconds, 20), 6 * 3600))


def _words(person: Person, rng: random.Random) -> dict[str, str]:
    order = str(rng.randint(41000, 49999))
    return {
        "first": person.name.split()[0],
        "surname": person.surnames.split()[0],
        "city": person.city,
        "order": order,
        "order_tail": f"{rng.randint(100, 999)}.{rng.randint(100, 999)}",
        "product": rng.choice(PRODUCTS),
        "size": str(rng.randint(35, 45)),
        "day": rng.choice(DAYS),
    }
