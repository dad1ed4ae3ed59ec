"""The address by which a provider fetches one file."""

from typing import Any

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse

from accounts.models import Account
from integrations import public_files
from integrations.public_files import public_file_url
from tests.conftest import make_channel
from tests.integrations.conftest import make_outgoing


@pytest.fixture
def attachment(scoped: Account) -> Any:
    channel = make_channel(scoped, "instagram")
    return make_outgoing(channel, files=(("vela.jpg", "image/jpeg", b"vela"),)).attachments.get()


def path_of(url: str) -> str:
    return "/files/" + url.split("/files/")[1]


def test_the_address_opens_the_file_for_an_hour(attachment: Any, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    path = path_of(public_file_url(attachment))

    answer = client.get(path)
    assert (answer.status_code, b"".join(answer.streaming_content)) == (200, b"vela")
    assert (answer["X-Content-Type-Options"], answer["Cache-Control"]) == ("nosniff", "private, no-store")
    head = client.head(path)
    assert head.status_code == 200
    head.close()
    assert client.post(path).status_code == 405

    monkeypatch.setattr(public_files, "MAX_AGE", -1)
    assert client.get(path).status_code == 404


def test_no_other_token_opens_anything(attachment: Any, other_account: Account, client: Client) -> None:
    genuine = public_file_url(attachment).rsplit("/", 2)[1]
    forged = (
        genuine[:-1] + ("A" if genuine[-1] != "A" else "B"),
        signing.dumps([attachment.account_id, attachment.pk], salt="another"),
        signing.dumps([other_account.pk, attachment.pk], salt="hilo.public-file"),
        signing.dumps([attachment.account_id, attachment.pk + 1], salt="hilo.public-file"),
        signing.dumps("nada", salt="hilo.public-file"),
        signing.dumps([1], salt="hilo.public-file"),
        "x",
    )
    for token in forged:
        assert client.get(reverse("public-file", args=[token])).status_code == 404, token


def test_a_file_that_is_not_there_yet_is_not_found(attachment: Any, client: Client) -> None:
    path = path_of(public_file_url(attachment))
    attachment.state = "waiting"
    attachment.save()
    assert client.get(path).status_code == 404
