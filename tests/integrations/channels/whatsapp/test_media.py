"""Files that came in: by id and by address, checked, and given up when the provider no longer has them."""

import base64
import hashlib
from typing import Any

import pytest

from accounts.models import Account, Channel
from inbox.adapters import DeliveryError, MediaGone, adapter_for
from inbox.models import Attachment
from integrations.channels.whatsapp.media import DamagedFile
from integrations.http_client import HttpError
from tests.conftest import make_channel
from tests.integrations.provider import Provider

PICTURE = b"\xff\xd8\xff\xe0 una foto"
DIGEST = hashlib.sha256(PICTURE)


@pytest.fixture
def channel(scoped: Account, provider: Provider) -> Channel:
    settings = {"phone_number_id": "106540352242922", "api_base": f"{provider.url}/v26.0"}
    return make_channel(scoped, "whatsapp", settings=settings, secrets={"access_token": "EAAG", "app_secret": "s"})


def fetch(channel: Channel, content_type: str = "image/jpeg", **remote: str) -> tuple[bytes, str]:
    return adapter_for("whatsapp").fetch_media(channel=channel, attachment=Attachment(remote=remote, content_type=content_type))


def where(provider: Provider, **more: Any) -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "url": f"{provider.url}/file?mid=1", "mime_type": "image/jpeg", "id": "77", **more}


def test_an_id_leads_to_an_address_and_that_to_the_bytes(channel: Channel, provider: Provider) -> None:
    provider.answer(200, where(provider, sha256=DIGEST.hexdigest()))
    provider.answer(200, PICTURE, headers={"Content-Type": "image/jpeg"})

    assert fetch(channel, id="77", sha256=base64.b64encode(DIGEST.digest()).decode()) == (PICTURE, "image/jpeg")

    assert [asked.path for asked in provider.asked] == ["/v26.0/77?phone_number_id=106540352242922", "/file?mid=1"]
    assert {asked.headers["authorization"] for asked in provider.asked} == {"Bearer EAAG"}


def test_an_address_that_came_along_serves_where_the_id_does_not(channel: Channel, provider: Provider) -> None:
    provider.answer(404, {"error": {"message": "gone", "code": 100, "error_subcode": 33}})
    provider.answer(200, PICTURE)

    assert fetch(channel, id="77", url=f"{provider.url}/inline")[0] == PICTURE
    assert provider.asked[-1].path == "/inline"


def test_the_type_is_the_providers_where_the_message_named_none(channel: Channel, provider: Provider) -> None:
    provider.answer(200, PICTURE, headers={"Content-Type": "image/png"})
    assert fetch(channel, content_type="", url=f"{provider.url}/inline") == (PICTURE, "image/png")


@pytest.mark.parametrize(
    "announced", ["", "no es un resumen", DIGEST.hexdigest(), DIGEST.hexdigest().upper(), base64.b64encode(DIGEST.digest()).decode()]
)
def test_a_right_checksum_in_either_spelling_is_taken(channel: Channel, provider: Provider, announced: str) -> None:
    provider.answer(200, PICTURE)
    assert fetch(channel, url=f"{provider.url}/inline", sha256=announced)[0] == PICTURE


@pytest.mark.parametrize("announced", ["0" * 64, base64.b64encode(b"0" * 32).decode()])
def test_a_wrong_checksum_is_worth_another_try(channel: Channel, provider: Provider, announced: str) -> None:
    provider.answer(200, PICTURE)
    with pytest.raises(DamagedFile):
        fetch(channel, url=f"{provider.url}/inline", sha256=announced)


def test_an_id_that_is_too_old_is_gone(channel: Channel, provider: Provider) -> None:
    provider.answer(400, {"error": {"message": "Unsupported get request", "code": 100, "error_subcode": 33}})
    with pytest.raises(MediaGone):
        fetch(channel, id="77")


@pytest.mark.parametrize("status", [404, 410, 403])
def test_an_address_that_leads_nowhere_is_gone(channel: Channel, provider: Provider, status: int) -> None:
    provider.answer(200, where(provider))
    provider.answer(status, b"expired")
    with pytest.raises(MediaGone):
        fetch(channel, id="77")


def test_a_file_that_is_too_large_is_given_up(channel: Channel, provider: Provider, settings: Any) -> None:
    settings.ATTACHMENT_MAX_BYTES = 1000
    provider.answer(200, where(provider))
    provider.answer(200, b"x" * 1001)
    with pytest.raises(MediaGone):
        fetch(channel, id="77")


def test_a_provider_that_fails_for_now_is_asked_again(channel: Channel, provider: Provider) -> None:
    provider.answer(500, {"error": {"code": 2, "message": "down"}})
    with pytest.raises(DeliveryError) as failed:
        fetch(channel, id="77")
    assert not failed.value.permanent

    provider.answer(200, where(provider))
    provider.answer(503, b"")
    with pytest.raises(HttpError):
        fetch(channel, id="77")


def test_an_expired_token_does_not_lose_the_file(channel: Channel, provider: Provider) -> None:
    """The administrator puts it right, and the sweeper fetches it."""
    provider.answer(401, {"error": {"code": 190, "message": "expired"}})
    with pytest.raises(DeliveryError):
        fetch(channel, id="77")


def test_an_address_inside_our_network_is_not_fetched(channel: Channel, provider: Provider) -> None:
    provider.answer(200, where(provider) | {"url": "http://169.254.169.254/latest/meta-data/"})
    with pytest.raises(MediaGone):
        fetch(channel, id="77")


def test_nothing_to_fetch_is_gone(channel: Channel) -> None:
    with pytest.raises(MediaGone):
        fetch(channel)


def test_an_id_is_one_step_of_the_path_whatever_it_holds(channel: Channel, provider: Provider) -> None:
    provider.answer(200, where(provider))
    provider.answer(200, PICTURE)

    fetch(channel, id="../../me/accounts?fields=x#")

    assert provider.asked[0].path == "/v26.0/..%2F..%2Fme%2Faccounts%3Ffields%3Dx%23?phone_number_id=106540352242922"
