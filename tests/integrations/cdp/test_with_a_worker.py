"""A real Celery worker: what the business's server signs is taken by itself, and a flushed broker loses nothing."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.actors import SYSTEM
from accounts.models import Account
from accounts.scope import account_scope
from contacts.models import Contact
from integrations.cdp.sources import create_source, make_secret
from integrations.models import CustomerDataMessage
from tests.broker import tasks_go_to
from tests.committed import db  # noqa: F401
from tests.inbox.worker import Engine, wait_until
from tests.integrations.cdp.test_signed_door import tell

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("db")]


@pytest.fixture
def engine(db: None, tmp_path: Any) -> Iterator[Engine]:  # noqa: F811
    engine = Engine(tmp_path)
    yield engine
    engine.close()


def test_what_is_signed_is_taken_and_a_flushed_broker_loses_nothing(scoped: Account, engine: Engine) -> None:
    made, _key = create_source(name="App", by=SYSTEM)
    made, secret = make_secret(source=made, by=SYSTEM)
    with tasks_go_to(engine.url):
        assert tell(made, secret, {"userId": "u-1", "traits": {"name": "Ana", "city": "Piura"}}).status_code == 200
        engine.restart_broker()  # it comes back empty, before any worker looked
    with account_scope(scoped):
        CustomerDataMessage.objects.update(next_attempt_at=timezone.now() - timedelta(minutes=1))

    engine.start_worker()
    engine.ask("integrations.tasks.sweep_customer_data")

    wait_until(lambda: Contact.scoped().filter(name="Ana").exists())
    with tasks_go_to(engine.url):
        assert tell(made, secret, {"userId": "u-1", "traits": {"city": "Sullana"}}, message_id="msg_2").status_code == 200
    wait_until(lambda: Contact.scoped().get().fields["city"]["value"] == "Sullana")
    wait_until(lambda: not CustomerDataMessage.scoped().exclude(state="done").exists())
