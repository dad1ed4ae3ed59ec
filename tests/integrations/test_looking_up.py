"""Names that a provider tells when asked: after the message, once, and without ever costing the message."""

from typing import Any

import pytest

from accounts.models import Account, Channel
from contacts.models import Contact, Profile
from inbox.adapters import DeliveryError
from inbox.models import InboundEvent, Message
from inbox.receiving import process_event, store_event
from integrations.looking_up import look_up
from tests.conftest import make_channel
from tests.integrations.conftest import payload
from tests.integrations.provider import Provider


@pytest.fixture
def channel(scoped: Account, provider: Provider) -> Channel:
    settings = {"ig_user_id": "17841405822304914", "api_base": f"{provider.url}/v26.0"}
    return make_channel(scoped, "instagram", settings=settings, secrets={"access_token": "IGAA", "app_secret": "s"})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The profiles that workers were asked to look up."""
    profiles: list[int] = []
    monkeypatch.setattr("integrations.looking_up.enqueue", lambda _task, **ids: profiles.append(ids["profile_id"]))
    return profiles


def hear(channel: Channel, name: str) -> None:
    event = store_event(channel=channel, body=payload("instagram", name), context={})
    assert event is not None
    process_event(event_id=event.pk)
    event.refresh_from_db()
    assert event.state == InboundEvent.State.PROCESSED


def test_a_stranger_is_looked_up_once_and_gets_a_name(channel: Channel, provider: Provider, asked: list[int]) -> None:
    hear(channel, "text")
    hear(channel, "image")

    profile = Profile.objects.get()
    assert asked == [profile.pk]
    provider.answer(200, {"name": "María Velas", "username": "maria.velas", "id": profile.address})

    look_up(profile_id=profile.pk)

    profile.refresh_from_db()
    assert {key: profile.given[key] for key in ("name", "username")} == {"name": "María Velas", "username": "maria.velas"}
    assert Contact.objects.get(pk=profile.contact_id).name == "María Velas"


def test_who_comes_with_a_name_is_not_looked_up(scoped: Account, asked: list[int]) -> None:
    settings = {"phone_number_id": "106540352242922"}
    hear_whatsapp = make_channel(scoped, "whatsapp", settings=settings)
    event = store_event(channel=hear_whatsapp, body=payload("whatsapp", "text"), context={})
    assert event is not None
    process_event(event_id=event.pk)

    assert Message.objects.count() == 1
    assert asked == []


@pytest.mark.parametrize(("status", "error", "again"), [(400, {"code": 230}, False), (401, {"code": 190}, False), (500, {"code": 2}, True)])
def test_a_refusal_leaves_the_person_without_a_name(
    channel: Channel, provider: Provider, asked: list[int], status: int, error: dict[str, Any], again: bool
) -> None:
    hear(channel, "text")
    profile = Profile.objects.get()
    provider.answer(status, {"error": {"message": "…", **error}})

    if again:
        with pytest.raises(DeliveryError):
            look_up(profile_id=profile.pk)
    else:
        look_up(profile_id=profile.pk)

    profile.refresh_from_db()
    channel.refresh_from_db()
    assert "name" not in profile.given
    assert bool(channel.sending_problem) is (error["code"] == 190)
    assert Message.objects.count() == 1


def test_a_profile_that_is_gone_or_a_channel_that_is_off_is_left_alone(channel: Channel, provider: Provider, asked: list[int]) -> None:
    hear(channel, "text")
    Channel.objects.filter(pk=channel.pk).update(is_active=False)

    look_up(profile_id=Profile.objects.get().pk)
    look_up(profile_id=0)

    assert provider.asked == []
