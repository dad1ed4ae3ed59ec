"""Unsubscribe links and headers (RFC 8058)."""

from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Account, Membership
from consent.models import ConsentEvent
from consent.one_click import read_token, token_for
from contacts.models import Profile
from inbox.models import Message
from inbox.sending import send_message
from integrations.channels.email.composing import Draft, compose
from integrations.channels.email.mailbox_settings import MailboxSettings
from tests.conftest import make_channel
from tests.consent.people import MAIL, TUESDAY, agree, ask, hear, make_person, point, with_postal_address

pytestmark = pytest.mark.usefixtures("scoped")
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def ana(scoped: Account) -> Profile:
    with_postal_address()
    profile = make_person(("email", MAIL))
    agree(profile)
    return profile


@pytest.fixture
def token(ana: Profile) -> str:
    return token_for(ref=point(ana), profile=ana, purpose="marketing")


@pytest.fixture
def mail_program() -> Client:
    """No cookie, no CSRF token."""
    return Client(enforce_csrf_checks=True)


def withdrawals() -> int:
    return ConsentEvent.objects.filter(action="withdraw").count()


def test_a_hundred_posts_are_one_event(ana: Profile, token: str, mail_program: Client) -> None:
    for number in range(100):
        content: dict[str, Any] = {"content_type": "application/x-www-form-urlencoded"} if number % 2 else {}
        body = "List-Unsubscribe=One-Click" if number % 2 else ONE_CLICK
        response = mail_program.post(f"/u/{token}", body, **content)
        assert (response.status_code, response.headers.get("Location")) == (200, None)
    assert withdrawals() == 1
    assert ask(ana, channel="email").reason == "withdrawn"
    assert ask(ana, channel="email", purpose="utility").allowed


def test_after_the_person_agrees_again_the_link_works_again(ana: Profile, token: str, mail_program: Client) -> None:
    mail_program.post(f"/u/{token}", ONE_CLICK)
    agree(ana, occurred_at=timezone.now())
    assert ask(ana, channel="email").allowed
    mail_program.post(f"/u/{token}", ONE_CLICK)
    assert withdrawals() == 2
    assert ask(ana, channel="email").reason == "withdrawn"


@pytest.mark.parametrize("method", ["get", "head", "options", "put", "delete"])
def test_nothing_but_a_post_changes_anything(token: str, mail_program: Client, method: str) -> None:
    response = getattr(mail_program, method)(f"/u/{token}")
    assert response.status_code in (200, 405)
    assert withdrawals() == 0


def test_the_page_asks_first_and_tells_nobody_where_it_came_from(token: str, mail_program: Client) -> None:
    response = mail_program.get(f"/u/{token}", headers={"Accept-Language": "en"})
    assert "Offers and news" in response.content.decode()
    assert {name: response.headers[name] for name in ("Referrer-Policy", "Cache-Control", "X-Robots-Tag")} == {
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex",
    }
    assert MAIL not in response.content.decode()


def test_another_token_is_no_token(ana: Profile, token: str, mail_program: Client, other_account: Account) -> None:
    body, _dot, signature = token.rpartition(".")
    for wrong in ("nada", "a.b", f"{body}.{'0' * 32}", f"{body[:-2]}AA.{signature}", f"{token}x", "é.ñ"):
        assert read_token(wrong) is None
        assert mail_program.post(f"/u/{wrong}", ONE_CLICK).status_code == 404
    assert withdrawals() == 0


def test_the_token_stays_the_same_and_says_only_what_it_opens(ana: Profile, token: str) -> None:
    assert token_for(ref=point(ana), profile=ana, purpose="marketing") == token
    link = read_token(token)
    assert link is not None
    assert (link.account_id, link.profile_id, link.purpose) == (ana.account_id, ana.pk, "marketing")


def test_bulk_mail_carries_both_headers_and_the_address(scoped: Account, agent: Membership, monkeypatch: Any) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: TUESDAY)
    with_postal_address()
    channel = make_channel(scoped, "email", settings={"address": "hola@andes.cl"})
    message = hear(channel, MAIL, "Hola")
    agree(message.strand.profile, occurred_at=TUESDAY - timedelta(hours=1))
    conversation = message.strand.conversation

    def send(purpose: str) -> Message:
        return send_message(
            conversation=conversation,
            channel=channel,
            identifier=message.identifier,
            body="Oferta",
            by=Actor.person(agent),
            purpose=purpose,
        )

    assert "headers" not in send("service").payload
    sent = send("marketing")
    headers = sent.payload["headers"]
    token = headers["List-Unsubscribe"].split("/u/")[1].split(">")[0]
    assert headers["List-Unsubscribe"].endswith(f"<mailto:hola@andes.cl?subject=unsubscribe%20{token}>")
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = read_token(token)
    assert link is not None
    assert link.purpose == "marketing"
    mail = composed(sent)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "Siempre Viva" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]

    # The other way: a mail whose subject is the token.
    hear(channel, MAIL, "", subject=f"unsubscribe {token}")
    assert withdrawals() == 1
    assert ask(message.strand.profile, channel="email").reason == "withdrawn"


def composed(message: Message) -> EmailMessage:
    settings = MailboxSettings.__new__(MailboxSettings)
    object.__setattr__(settings, "address", "hola@andes.cl")
    object.__setattr__(settings, "from_name", "Andes")
    draft = Draft(
        message_id="1@andes.cl",
        recipient=MAIL,
        subject="Oferta",
        body=message.body,
        written_at=TUESDAY,
        headers=message.payload["headers"],
        footer=message.payload["footer"],
    )
    return compose(draft, settings)


def test_a_stranger_to_the_purpose_still_opts_out(ana: Profile, mail_program: Client) -> None:
    """The purpose may have been switched off since the mail went out."""
    token = token_for(ref=point(ana), profile=ana, purpose="novedades-2024")
    assert mail_program.post(f"/u/{token}", ONE_CLICK).status_code == 200
    assert ConsentEvent.objects.get(action="withdraw").purpose == "novedades-2024"
