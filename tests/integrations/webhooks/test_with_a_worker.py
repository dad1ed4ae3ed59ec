"""A real Celery worker with a broker of its own: events arrive by themselves, and a flushed broker loses nothing."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Account
from accounts.scope import account_scope
from integrations.models import WebhookDelivery
from tests.broker import tasks_go_to
from tests.committed import db  # noqa: F401
from tests.inbox.worker import Engine, wait_until
from tests.integrations.provider import Provider
from tests.integrations.webhooks.receiver import heard, subscribe_to
from tests.integrations.webhooks.test_delivering import happens, numbers

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("db")]


@pytest.fixture
def engine(db: None, tmp_path: Any) -> Iterator[Engine]:  # noqa: F811
    engine = Engine(tmp_path)
    yield engine
    engine.close()


def test_events_arrive_in_order_and_a_flushed_broker_loses_nothing(receiver: Provider, scoped: Account, engine: Engine) -> None:
    _subscription, secret = subscribe_to(receiver)
    with tasks_go_to(engine.url):
        for number in (1, 2, 3):
            happens("contact:1", number)
        engine.restart_broker()  # it comes back empty, before any worker looked
    with account_scope(scoped):
        WebhookDelivery.objects.update(next_attempt_at=timezone.now() - timedelta(minutes=1))

    engine.start_worker()
    engine.ask("integrations.tasks.sweep_webhooks")

    wait_until(lambda: len(receiver.asked) >= 3)
    assert numbers(receiver) == [1, 2, 3]
    with tasks_go_to(engine.url):
        happens("contact:1", 4)
    wait_until(lambda: len(receiver.asked) >= 4)
    assert [body["data"]["contact"]["id"] for body in heard(receiver, secret)] == [1, 2, 3, 4]
    wait_until(lambda: not WebhookDelivery.scoped().exclude(state="delivered").exists())
