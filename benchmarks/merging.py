"""Merge and unmerge of a contact with 100,000 messages, against the same of one with ten; and that no message row is touched.

The contact with the history is the younger one, so that its profile is the one that moves. Both pairs take turns.
"""

import statistics
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection

from accounts.actors import Actor
from accounts.models import Account, Channel, Membership, User
from accounts.opening import open_account
from accounts.roles import Role
from accounts.scope import account_scope
from benchmarks.copying import copy_row
from benchmarks.pages import analyze
from contacts.claims import Address, Claim
from contacts.merging import merge, unmerge
from contacts.models import Contact, Profile
from inbox.adapters import InboundMessage
from inbox.models import Conversation, Message, Strand
from inbox.receiving import receive

MANY, FEW = 100_000, 10
CONVERSATIONS = 20
# As many as noise makes of two equal things.
GOAL = 1.5
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
# Which transaction wrote each row and where it lies: both change with any update.
ROWS = "SELECT count(*), sum(hashtextextended(m.ctid::text || ':' || m.xmin::text, 0)) FROM inbox_message m"


@dataclass(frozen=True)
class Figure:
    """Milliseconds of merge and unmerge with each history, and whether a message row was touched."""

    many_ms: tuple[float, float]
    few_ms: tuple[float, float]
    untouched: bool

    @property
    def ratios(self) -> tuple[float, float]:
        return self.many_ms[0] / self.few_ms[0], self.many_ms[1] / self.few_ms[1]


def _person(channel: Channel, number: int, *, messages: int, conversations: int) -> Profile:
    """Somebody with so many messages, spread over so many conversations."""
    at = START + timedelta(hours=number)
    address = Address("whatsapp", f"5697{number:07d}")
    message = receive(
        channel=channel,
        inbound=InboundMessage(
            provider_id=uuid.uuid4().hex, sender=address, occurred_at=at, claim=Claim(given={"name": f"Persona {number}"}), body="Hola"
        ),
    )
    assert message is not None
    strand = Strand.objects.select_related("conversation").get(pk=message.strand_id)
    Conversation.objects.filter(pk=strand.conversation_id).update(status="resolved", message_count=messages // conversations)
    conversation = Conversation.objects.get(pk=strand.conversation_id)
    copy_row(conversation, each=f"generate_series(2, {conversations}) n", values={})
    copy_row(
        strand,
        each=f"(SELECT c.id FROM inbox_conversation c WHERE c.profile_id = {strand.profile_id} AND c.id <> {conversation.pk}) c",
        values={"conversation_id": "c.id"},
    )
    copy_row(
        Message.objects.get(pk=message.pk),
        each=f"(SELECT s.id, n FROM inbox_strand s, generate_series(1, {messages // conversations}) n"
        f" WHERE s.profile_id = {strand.profile_id}) s",
        values={
            "strand_id": "s.id",
            "provider_id": "s.id || '-' || s.n || '-' || template.provider_id",
            "occurred_at": "template.occurred_at + s.n * interval '1 minute'",
        },
    )
    return Profile.objects.get(pk=strand.profile_id)


def _account() -> tuple[Account, Actor]:
    account = open_account(name="Medición", slug=f"bench-{uuid.uuid4().hex[:8]}", unification_enabled=True)
    user = User.objects.create_user(email=f"{uuid.uuid4().hex[:8]}@andes.example", password=None, name="Laura")
    with account_scope(account):
        return account, Actor.person(Membership.objects.create(user=user, role=Role.SUPERVISOR))


def _rows(account_id: int) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(f"{ROWS} WHERE m.account_id = %s", [account_id])
        return cursor.fetchone()


def _turn(older: Profile, younger: Profile, by: Actor) -> tuple[float, float]:
    """Milliseconds of one merge and one unmerge."""
    contact_ids = [Profile.objects.get(pk=profile.pk).contact_id for profile in (older, younger)]
    contacts = list(Contact.objects.filter(pk__in=contact_ids))
    started = time.perf_counter()
    event = merge(contacts=contacts, by=by)
    merged = time.perf_counter()
    unmerge(contact=event.contact, profiles=[younger], by=by)
    return (merged - started) * 1000, (time.perf_counter() - merged) * 1000


def measure(*, rounds: int = 25) -> Figure:
    """Medians over rounds that take turns."""
    account, by = _account()
    with account_scope(account):
        channel = Channel.objects.create(kind="whatsapp", name="Medición", settings={"phone_number_id": "1"})
        few = [_person(channel, number, messages=FEW, conversations=1) for number in (1, 2)]
        many = [_person(channel, 3, messages=FEW, conversations=1), _person(channel, 4, messages=MANY, conversations=CONVERSATIONS)]
        analyze()
        before = _rows(account.pk)
        assert before[0] > MANY
        taken: dict[str, list[tuple[float, float]]] = {"few": [], "many": []}
        for number in range(rounds + 2):
            for name, (older, younger) in (("few", few), ("many", many)):
                figures = _turn(older, younger, by)
                if number >= 2:
                    taken[name].append(figures)
        untouched = _rows(account.pk) == before
    medians = {name: tuple(statistics.median(values) for values in zip(*rows, strict=True)) for name, rows in taken.items()}
    return Figure(many_ms=medians["many"], few_ms=medians["few"], untouched=untouched)  # type: ignore[arg-type]


def report() -> None:
    """Print a line each for merge and unmerge."""
    figure = measure()
    for name, many, few, ratio in zip(("merge", "unmerge"), figure.many_ms, figure.few_ms, figure.ratios, strict=True):
        print(f"{name}, {MANY:,} messages: {many:.1f} ms; with {FEW}: {few:.1f} ms; ratio {ratio:.2f}× (goal at most {GOAL}×)")
    print(f"message rows touched by it: {'none' if figure.untouched else 'SOME'}")
