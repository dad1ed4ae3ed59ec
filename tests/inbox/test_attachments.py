"""Files that providers only refer to: fetched once, tried again, given up when they are gone."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Account, Channel
from inbox.attachments import LEASE, MOST_ATTEMPTS, fetch
from inbox.models import Attachment
from inbox.receiving import process_event, store_event
from tests.conftest import make_channel
from tests.inbox.provider import Provider, running_provider
from tests.inbox.wire import SECRETS, SETTINGS, envelope, text

PICTURE = b"\x89PNG\r\n\x1a\n" + b"x" * 100


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1"]
    with running_provider() as provider:
        yield provider


@pytest.fixture
def whatsapp(scoped: Account, provider: Provider) -> Channel:
    return make_channel(scoped, "whatsapp", settings={**SETTINGS, "api_base": provider.url}, secrets=SECRETS)


@pytest.fixture
def attachment(whatsapp: Channel) -> Attachment:
    message = {**text("wamid.1"), "type": "image", "image": {"id": "m1", "mime_type": "image/png"}}
    event = store_event(channel=whatsapp, body=envelope(message), context={})
    assert event is not None
    process_event(event_id=event.pk)
    return Attachment.objects.get()


def fetched(attachment: Attachment) -> Attachment:
    fetch(attachment_id=attachment.pk)
    attachment.refresh_from_db()
    return attachment


def due_again(attachment: Attachment) -> None:
    Attachment.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def test_a_picture_is_kept_with_its_size_and_digest(attachment: Attachment, provider: Provider) -> None:
    provider.files["file-m1"] = PICTURE

    fetched(attachment)

    assert (attachment.state, attachment.size, attachment.content_type) == ("stored", len(PICTURE), "image/png")
    assert len(attachment.sha256) == 64
    with attachment.file.open() as stored:
        assert stored.read() == PICTURE
    name = attachment.file.name
    assert fetched(attachment).file.name == name


def test_one_that_is_gone_is_given_up(attachment: Attachment) -> None:
    assert (fetched(attachment).state, bool(attachment.file)) == ("failed", False)
    assert attachment.error


def test_one_that_is_too_large_is_given_up(attachment: Attachment, provider: Provider, settings: Any) -> None:
    settings.ATTACHMENT_MAX_BYTES = 50
    provider.files["file-m1"] = PICTURE

    assert (fetched(attachment).state, bool(attachment.file)) == ("failed", False)


def test_trouble_is_tried_again_until_it_is_enough(attachment: Attachment, whatsapp: Channel, provider: Provider) -> None:
    Channel.objects.update(settings={**whatsapp.settings, "api_base": "http://127.0.0.1:1"})
    assert fetched(attachment).state == "waiting"
    assert attachment.next_attempt_at > timezone.now()
    assert fetched(attachment).attempts == 1

    for _ in range(MOST_ATTEMPTS - 1):
        due_again(attachment)
        fetched(attachment)
    assert (attachment.state, attachment.attempts) == ("failed", MOST_ATTEMPTS)


def test_one_that_another_worker_has_is_left_alone(attachment: Attachment, provider: Provider) -> None:
    provider.files["file-m1"] = PICTURE
    Attachment.objects.update(next_attempt_at=timezone.now() + LEASE)

    assert fetched(attachment).state == "waiting"

    due_again(attachment)
    assert fetched(attachment).state == "stored"
