"""``kill -9`` of a real worker, and a broker that forgets everything: the database is the queue of record."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from inbox.delivery import CLAIM_LASTS
from inbox.locks import lock_provider_message
from inbox.models import Attachment, Conversation, Direction, InboundEvent, Message, OutboundMessage
from inbox.receiving import store_event
from inbox.sending import addresses_for, send_message
from tests.committed import db  # noqa: F401
from tests.conftest import make_channel
from tests.inbox.provider import Provider, running_provider
from tests.inbox.wire import SECRETS, SETTINGS, envelope, text
from tests.inbox.worker import Engine, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("db")]


@pytest.fixture
def engine(db: None, tmp_path: Any) -> Iterator[Engine]:  # noqa: F811
    engine = Engine(tmp_path)
    yield engine
    engine.close()


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def whatsapp(account: Account, provider: Provider) -> Channel:
    return make_channel(account, "whatsapp", settings={**SETTINGS, "api_base": provider.url}, secrets=SECRETS)


def bodies(account: Account) -> list[str]:
    with account_scope(account):
        return sorted(Message.objects.filter(direction=Direction.IN).values_list("body", flat=True))


def processed(account: Account) -> int:
    with account_scope(account):
        return InboundEvent.objects.filter(state="processed").count()


def store(account: Account, channel: Channel, wamid: str, body: str = "hola", **message: Any) -> InboundEvent:
    """What the intake does, without the broker hearing of it."""
    at = int((timezone.now() - timedelta(minutes=1)).timestamp())
    with account_scope(account):
        event = store_event(channel=channel, body=envelope({**text(wamid, body=body, at=at), **message}), context={})
    assert event is not None
    return event


def some_time_later(account: Account) -> None:
    """As if the leases had run out and every grace had passed."""
    long_ago = timezone.now() - timedelta(minutes=1)
    with account_scope(account):
        InboundEvent.objects.filter(state="pending").update(next_attempt_at=long_ago)
        OutboundMessage.objects.filter(state="queued").update(next_attempt_at=long_ago)
        OutboundMessage.objects.filter(state="claimed").update(claimed_at=timezone.now() - CLAIM_LASTS - timedelta(seconds=1))
        Attachment.objects.filter(state="waiting").update(next_attempt_at=long_ago)


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            " WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted"
        )
        return bool(cursor.fetchone()[0])


def test_a_worker_killed_in_the_middle_of_a_message_loses_nothing(account: Account, whatsapp: Channel, engine: Engine) -> None:
    event = store(account, whatsapp, "in.1", "no me pierdas")
    worker = engine.start_worker()
    with account_scope(account), transaction.atomic():
        # The worker has taken the event and waits for this lock, between accept and commit.
        lock_provider_message(channel_id=whatsapp.pk, provider_id="in.1")
        engine.ask("inbox.tasks.process_inbound_event", account_id=account.pk, event_id=event.pk)
        wait_until(somebody_waits_for_a_lock)
        engine.kill(worker)
    assert bodies(account) == []
    with account_scope(account):
        assert (InboundEvent.objects.get().state, InboundEvent.objects.get().attempts) == ("pending", 1)

    some_time_later(account)
    engine.start_worker()
    engine.ask("inbox.tasks.sweep_inbound_events")

    wait_until(lambda: processed(account))
    assert bodies(account) == ["no me pierdas"]


def test_a_flushed_broker_loses_nothing(account: Account, whatsapp: Channel, engine: Engine, agent: Membership, provider: Provider) -> None:
    provider.files["file-m1"] = b"\x89PNG"
    image = {"type": "image", "image": {"id": "m1", "mime_type": "image/png", "sha256": ""}}
    stored = [store(account, whatsapp, f"in.{number}", f"n.º {number}") for number in range(3)]
    for event in stored:
        engine.ask("inbox.tasks.process_inbound_event", account_id=account.pk, event_id=event.pk)
    assert engine.broker.llen("celery") == 3
    engine.broker.flushall()

    engine.start_worker()
    some_time_later(account)
    engine.ask("inbox.tasks.sweep_inbound_events")
    wait_until(lambda: processed(account) == 3)
    assert bodies(account) == ["n.º 0", "n.º 1", "n.º 2"]

    with account_scope(account):
        option = addresses_for(Conversation.objects.get())[0]
        send_message(
            conversation=Conversation.objects.get(),
            channel=option.channel,
            identifier=option.identifier,
            body="le cuento",
            by=Actor.person(agent),
        )
    store(account, whatsapp, "in.image", **image)
    engine.broker.flushall()
    some_time_later(account)
    engine.ask("inbox.tasks.sweep_outbound_messages")
    engine.ask("inbox.tasks.sweep_inbound_events")
    wait_until(lambda: processed(account) == 4)
    some_time_later(account)
    engine.ask("inbox.tasks.sweep_attachments")

    def settled() -> bool:
        with account_scope(account):
            return OutboundMessage.objects.get().state == "sent" and Attachment.objects.get().state == "stored"

    wait_until(settled)
    assert provider.bodies() == ["le cuento"]


def test_a_worker_killed_between_the_call_and_the_receipt_never_sends_twice(
    account: Account, whatsapp: Channel, engine: Engine, agent: Membership, provider: Provider
) -> None:
    worker = engine.start_worker()
    event = store(account, whatsapp, "in.1")
    engine.ask("inbox.tasks.process_inbound_event", account_id=account.pk, event_id=event.pk)
    wait_until(lambda: processed(account))
    # The provider has taken the message and is about to answer.
    provider.before_answering = lambda _provider_id: engine.kill(worker)
    with account_scope(account):
        option = addresses_for(Conversation.objects.get())[0]
        message = send_message(
            conversation=Conversation.objects.get(),
            channel=option.channel,
            identifier=option.identifier,
            body="una vez",
            by=Actor.person(agent),
        )
    engine.ask("inbox.tasks.deliver_message", account_id=account.pk, message_id=message.pk)
    wait_until(lambda: worker.poll() is not None)

    engine.start_worker()
    some_time_later(account)
    engine.ask("inbox.tasks.sweep_outbound_messages")

    def status() -> str:
        with account_scope(account):
            return Message.objects.get(pk=message.pk).status

    wait_until(lambda: status() == "unknown")
    some_time_later(account)
    engine.ask("inbox.tasks.sweep_outbound_messages")
    event = store(account, whatsapp, "in.2")
    engine.ask("inbox.tasks.process_inbound_event", account_id=account.pk, event_id=event.pk)
    wait_until(lambda: processed(account) == 2)
    assert provider.bodies() == ["una vez"]
    assert status() == "unknown"


ASK_A_DEAD_BROKER = """
import time, django
django.setup()
from accounts.queueing import publish
from inbox.tasks import process_inbound_event
started = time.monotonic()
answers = [publish(process_inbound_event, account_id=1, event_id=number) for number in range(10)]
print(any(answers), time.monotonic() - started)
"""


def test_a_broker_that_is_down_costs_a_moment_and_no_error(engine: Engine) -> None:
    asked = engine.python(ASK_A_DEAD_BROKER, REDIS_URL="redis://127.0.0.1:1/0")

    taken, seconds = asked.split()
    assert taken == "False"
    assert float(seconds) < 3


def test_a_worker_comes_back_to_a_broker_that_was_away(account: Account, whatsapp: Channel, engine: Engine) -> None:
    engine.start_worker()
    event = store(account, whatsapp, "in.1")
    engine.ask("inbox.tasks.process_inbound_event", account_id=account.pk, event_id=event.pk)
    wait_until(lambda: processed(account))

    engine.restart_broker()
    some_time_later(account)
    event = store(account, whatsapp, "in.2")
    engine.ask("inbox.tasks.process_inbound_event", account_id=account.pk, event_id=event.pk)

    wait_until(lambda: processed(account) == 2)
