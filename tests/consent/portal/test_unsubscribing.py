"""The link of a mail: one tap, no cookie, no redirect; scanners that look change nothing; a mistake is taken back for ten minutes."""

import re
import time
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import Account
from accounts.scope import account_scope
from consent.fingerprints import point_ref
from consent.ledger import record
from consent.models import ConsentEvent, NoticeVersion
from consent.one_click import token_for
from consent.points import points_of_profile
from consent.vocabulary import Action, Origin
from contacts.models import Contact, Profile
from tests.consent.portal.conftest import MARKETING
from tests.consent.portal.test_receiving import allowed

pytestmark = pytest.mark.usefixtures("scope")


@pytest.fixture
def agreed(ana: Profile, notice: NoticeVersion) -> Profile:
    """Ana receives promotions by mail."""
    say(ana, Action.GRANT, notice=notice)
    assert allowed(ana)
    return ana


def say(profile: Profile, action: Action, **more: Any) -> ConsentEvent:
    (linked,) = points_of_profile(profile)
    return record(
        ref=linked.ref,
        action=action,
        origin=Origin.MESSAGE,
        occurred_at=timezone.now(),
        key=f"{action}-{ConsentEvent.scoped().count()}",
        profile=profile,
        channel="email",
        purpose=MARKETING,
        possession_proven=True,
        **more,
    )


def address(profile: Profile, purpose: str = MARKETING) -> str:
    (linked,) = points_of_profile(profile)
    return f"/u/{token_for(ref=linked.ref, profile=profile, purpose=purpose)}"


def undo_in(response: HttpResponse) -> str:
    found = re.search(r'name="undo" value="([^"]+)"', response.content.decode())
    return found[1] if found else ""


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_looking_changes_nothing(agreed: Profile, method: str) -> None:
    for _time in range(3):
        assert getattr(Client(), method)(address(agreed)).status_code in (200, 405)

    assert allowed(agreed)
    assert ConsentEvent.scoped().count() == 1


@pytest.mark.parametrize("purpose", [MARKETING, ""])
@pytest.mark.parametrize("multipart", [True, False])
def test_the_post_of_a_mail_program_unsubscribes(agreed: Profile, purpose: str, multipart: bool) -> None:
    program = Client(enforce_csrf_checks=True)
    body: dict[str, Any] = {"List-Unsubscribe": "One-Click"}
    url = address(agreed, purpose)

    response = (
        program.post(url, body) if multipart else program.post(url, "List-Unsubscribe=One-Click", "application/x-www-form-urlencoded")
    )

    assert response.status_code == 200
    assert not allowed(agreed)
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["Cache-Control"] == "no-store"


def test_a_hundred_taps_are_one_event(agreed: Profile) -> None:
    url = address(agreed)

    assert {Client().post(url).status_code for _tap in range(100)} == {200}

    assert ConsentEvent.scoped().filter(action=Action.WITHDRAW).count() == 1


def test_a_mistake_is_taken_back_to_what_it_was(agreed: Profile, notice: NoticeVersion) -> None:
    url = address(agreed)
    undo = undo_in(Client().post(url))
    assert undo

    response = Client().post(f"{url}/undo", {"undo": undo})

    assert response.status_code == 200
    assert allowed(agreed)
    last = ConsentEvent.scoped().order_by("-pk")[0]
    assert (last.action, last.notice, last.purpose, last.channel) == ("grant", notice, MARKETING, "email")
    # Twice is once.
    Client().post(f"{url}/undo", {"undo": undo})
    assert ConsentEvent.scoped().count() == 3


def test_the_link_alone_never_opts_in(agreed: Profile) -> None:
    """Whoever has a forwarded mail can press its button; what the person withdrew elsewhere stays withdrawn."""
    url = address(agreed)
    first = undo_in(Client().post(url))
    assert undo_in(Client().post(url)) == ""
    say(agreed, Action.WITHDRAW)

    assert Client().post(f"{url}/undo", {"undo": first}).status_code == 410
    for made_up in ("", "x", "e30:1a:x", first[:-3] + "abc"):
        assert Client().post(f"{url}/undo", {"undo": made_up}).status_code == 410

    assert not allowed(agreed)


def test_who_never_agreed_has_nothing_to_take_back(ana: Profile) -> None:
    assert undo_in(Client().post(address(ana))) == ""


def test_ten_minutes_later_it_is_too_late(agreed: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    undo = undo_in(Client().post(address(agreed)))
    later = time.time() + 601
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)

    assert Client().post(f"{address(agreed)}/undo", {"undo": undo}).status_code == 410
    assert not allowed(agreed)


def test_an_undo_of_another_account_is_none(agreed: Profile, other_account: Account) -> None:
    undo = undo_in(Client().post(address(agreed)))
    with account_scope(other_account):
        contact = Contact.objects.create(born_at=timezone.now(), last_seen_at=timezone.now())
        profile = Profile.objects.create(contact=contact, home=contact, first_seen_at=timezone.now(), last_seen_at=timezone.now())
        url = f"/u/{token_for(ref=point_ref(kind='email', value='x@ejemplo.cl'), profile=profile, purpose=MARKETING)}/undo"

    assert Client().post(url, {"undo": undo}).status_code == 410
    assert not allowed(agreed)


@pytest.mark.parametrize("token", ["x", "x.y", "a.b.c", "é", "." * 40])
def test_what_is_no_token_is_not_there(db: None, token: str) -> None:
    for method in ("get", "head", "post"):
        assert getattr(Client(), method)(f"/u/{token}").status_code == 404
