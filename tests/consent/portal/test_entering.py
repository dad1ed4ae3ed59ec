"""Coming in: one answer for known and unknown addresses; links and codes that work once, in time, for whoever holds the address."""

import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account, Channel
from accounts.scope import account_scope
from consent.models import ContactPoint, PortalProof, PortalSignIn, PortalVisit
from consent.portal import signing_in
from consent.portal.erasing import erase_visits
from consent.portal.visits import forget_old_visits
from consent.tasks import sweep_sign_ins
from contacts.erasers import Person, Report
from contacts.models import Profile
from tests.conftest import make_account
from tests.consent.portal.conftest import Carrier, Visitor
from tests.contacts.stories import writes

# What differs by chance in every answer, known address or not: the tokens of forms and cookies, and the id of the request.
BY_CHANCE = re.compile(r'(name="csrfmiddlewaretoken" value=")[^"]+')


def told(response: HttpResponse) -> tuple[int, str, dict[str, str], dict[str, tuple[int, Any]]]:
    """Everything that an answer says: status, body, headers, and of the cookies all but their random values."""
    headers = {name: value for name, value in response.headers.items() if name != "X-Request-ID"}
    cookies = {name: (len(morsel.value), {**morsel, "expires": ""}) for name, morsel in response.cookies.items()}
    return response.status_code, BY_CHANCE.sub(r"\1", response.content.decode()), headers, cookies


def rows() -> dict[str, int]:
    return {model.__name__: model.scoped().count() for model in (PortalVisit, PortalProof, ContactPoint)}


@pytest.mark.parametrize("unknown", ["nadie@ejemplo.cl", "+56 9 8765 4321"])
def test_a_known_and_an_unknown_address_get_the_same_answers(
    account: Account, carrier: Carrier, ana: Profile, whatsapp: Channel, unknown: str
) -> None:
    with account_scope(account):
        writes(whatsapp, "56911112222", name="Ana")
    known = "ana@ejemplo.cl" if "@" in unknown else "+56 9 1111 2222"

    answers = []
    for address in (known, unknown):
        visitor = Visitor(account, carrier)
        visitor.get("sign_in")
        answers.append([told(visitor.asks(address)), told(visitor.get("code"))])
        answers[-1] += [told(visitor.post("code", {"code": "000000" if carrier.letters[-1].code != "000000" else "111111"}))]
        answers[-1] += [told(visitor.post("code", {"code": "12"})) for _again in range(6)]

    assert answers[0] == answers[1]
    assert [letter.to.lstrip("+") for letter in carrier.letters] == [known.replace(" ", "").lstrip("+")]


def test_a_known_and_an_unknown_address_take_the_same_time(account: Account, carrier: Carrier, ana: Profile) -> None:
    """The quickest of requests made by turns. What is done for a known address alone is done by a worker."""
    seconds: dict[str, list[float]] = {"ana@ejemplo.cl": [], "nadie@ejemplo.cl": []}
    visitor = Visitor(account, carrier)
    for _round in range(12):
        for address, taken in seconds.items():
            with account_scope(account):
                PortalSignIn.scoped().all().delete()
            started = time.perf_counter()
            visitor.post("sign_in", {"address": address})
            taken.append(time.perf_counter() - started)

    known, unknown = (min(taken) for taken in seconds.values())

    assert carrier.letters == []
    # Far less than a letter, or a look at the people, would cost; the quickest of many is hardly touched by a busy machine.
    assert abs(known - unknown) < max(0.015, 0.5 * max(known, unknown))


def test_the_request_asks_the_database_the_same_for_both(visitor: Visitor, ana: Profile) -> None:
    asked = []
    # The first request of a process reads the account's key besides.
    for address in ("otro@ejemplo.cl", "ana@ejemplo.cl", "nadie@ejemplo.cl"):
        with CaptureQueriesContext(connection) as queries:
            visitor.post("sign_in", {"address": address})
        asked.append([re.sub(r"'[^']*'|\d+", "?", query["sql"]) for query in queries])

    assert asked[1] == asked[2]
    assert not any("identifier" in sql for sql in asked[1])


def test_the_code_of_the_letter_opens_a_visit(visitor: Visitor, carrier: Carrier, ana: Profile) -> None:
    assert visitor.get("home").status_code == 302

    visitor.comes_in("  ANA@Ejemplo.cl ")

    assert visitor.is_in
    page = visitor.get("home").content.decode()
    assert "ana@ejemplo.cl" in page
    (letter,) = carrier.letters
    assert (letter.to, letter.language) == ("ana@ejemplo.cl", "es")
    with account_scope(visitor.account):
        row = PortalSignIn.scoped().get()
        # Nothing that opens anything is kept, and the address goes once it was used.
        kept = str(PortalSignIn.scoped().values().get()) + str(PortalVisit.scoped().values().get())
        assert letter.code not in kept
        assert letter.link.partition("t=")[2] not in kept
        assert row.address is None
        assert visitor.client.cookies["hilo_portal"].value not in kept


def test_the_link_of_the_letter_needs_a_tap_works_once_and_leads_to_a_clean_address(
    visitor: Visitor, carrier: Carrier, ana: Profile
) -> None:
    visitor.asks("ana@ejemplo.cl")
    link = carrier.letters[0].link
    path = link.removeprefix("http://127.0.0.1:8000")
    phone = Visitor(visitor.account, carrier)

    for method in ("get", "head", "options", "get"):
        opened = getattr(phone.client, method)(path)
        assert opened.status_code in (200, 405)
        assert not phone.client.cookies.get("hilo_portal")
    with account_scope(visitor.account):
        assert PortalSignIn.scoped().get().used_at is None
    entered = phone.post("enter", {"t": path.partition("t=")[2]})

    assert (entered.status_code, entered["Location"]) == (303, phone.url("home"))
    assert phone.is_in
    again = Visitor(visitor.account, carrier).post("enter", {"t": path.partition("t=")[2]})
    assert again.status_code == 410
    # The code of the same letter is used up with it.
    assert visitor.post("code", {"code": carrier.letters[0].code}).status_code == 422
    assert not visitor.is_in


def test_a_letter_lives_for_a_quarter_of_an_hour(visitor: Visitor, carrier: Carrier, ana: Profile) -> None:
    visitor.asks("ana@ejemplo.cl")
    with account_scope(visitor.account):
        row = PortalSignIn.scoped().get()
        assert row.expires_at - row.asked_at == timedelta(minutes=15)
        PortalSignIn.scoped().update(expires_at=timezone.now())

    assert visitor.post("enter", {"t": carrier.letters[0].link.partition("t=")[2]}).status_code == 410
    assert visitor.post("code", {"code": carrier.letters[0].code}).status_code == 422
    assert not visitor.is_in


def test_five_wrong_codes_are_the_last(visitor: Visitor, carrier: Carrier, ana: Profile) -> None:
    visitor.asks("ana@ejemplo.cl")
    letter = carrier.letters[0]
    wrong = f"{(int(letter.code) + 1) % 10**6:06d}"

    for _attempt in range(5):
        assert visitor.post("code", {"code": wrong}).status_code == 422

    assert visitor.post("code", {"code": letter.code}).status_code == 422
    assert visitor.post("enter", {"t": letter.link.partition("t=")[2]}).status_code == 410
    assert not visitor.is_in


def test_a_stolen_code_is_of_no_use_in_another_browser(visitor: Visitor, carrier: Carrier, ana: Profile) -> None:
    visitor.asks("ana@ejemplo.cl")
    thief = Visitor(visitor.account, carrier)
    thief.asks("ladron@ejemplo.cl")

    assert thief.post("code", {"code": carrier.letters[0].code}).status_code == 422
    assert not thief.is_in
    assert visitor.post("code", {"code": carrier.letters[0].code}).status_code == 303


@pytest.mark.parametrize("token", ["", "x", "x" * 5000, "ñandú", "\x00"])
def test_a_token_that_was_made_up_opens_nothing(visitor: Visitor, ana: Profile, token: str) -> None:
    visitor.asks("ana@ejemplo.cl")

    assert visitor.get("enter", f"?t={token[:50]}").status_code == 200
    assert visitor.post("enter", {"t": token}).status_code == 410


def test_a_letter_opens_no_other_accounts_portal(visitor: Visitor, carrier: Carrier, ana: Profile) -> None:
    other = make_account("vecina")
    visitor.asks("ana@ejemplo.cl")
    elsewhere = Visitor(other, carrier)

    assert elsewhere.post("enter", {"t": carrier.letters[0].link.partition("t=")[2]}).status_code == 410
    visitor.post("code", {"code": carrier.letters[0].code})
    elsewhere.client.cookies["hilo_portal"] = visitor.client.cookies["hilo_portal"].value
    assert elsewhere.get("home").status_code == 302


def test_an_address_gets_five_letters_an_hour_and_the_sixth_answer_is_the_same_for_everybody(
    account: Account, carrier: Carrier, ana: Profile
) -> None:
    answers = []
    for address in ("ana@ejemplo.cl", "nadie@ejemplo.cl"):
        visitor = Visitor(account, carrier)
        assert [visitor.asks(address).status_code for _time in range(5)] == [303] * 5
        refused = visitor.asks(address)
        answers.append(told(refused)[:2])
        assert refused.status_code == 429

    assert answers[0][1].replace("ana@ejemplo.cl", "…") == answers[1][1].replace("nadie@ejemplo.cl", "…")
    assert len(carrier.letters) == 5


def test_one_place_asks_for_so_many_and_no_more(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing_in, "MOST_PER_CLIENT", 3)

    assert [visitor.asks(f"a{number}@ejemplo.cl").status_code for number in range(4)] == [303, 303, 303, 429]


def test_behind_a_proxy_the_last_entry_counts(visitor: Visitor, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.BEHIND_PROXY = True
    monkeypatch.setattr(signing_in, "MOST_PER_CLIENT", 1)

    def ask(forwarded: str, address: str) -> int:
        url = visitor.url("sign_in")
        return visitor.client.post(url, {"address": address}, headers={"X-Forwarded-For": forwarded}).status_code

    assert ask("9.9.9.9, 10.0.0.1", "a@ejemplo.cl") == 303
    assert ask("8.8.8.8, 10.0.0.1", "b@ejemplo.cl") == 429
    assert ask("9.9.9.9, 10.0.0.2", "c@ejemplo.cl") == 303


@pytest.mark.parametrize("typed", ["", "hola", "@", "a@", "12"])
def test_what_is_no_address_is_said_to_be_none(visitor: Visitor, scope: Account, typed: str) -> None:
    assert visitor.post("sign_in", {"address": typed}).status_code == 422
    assert PortalSignIn.scoped().count() == 0


def test_the_letter_goes_to_our_own_spelling(visitor: Visitor, carrier: Carrier, whatsapp: Channel) -> None:
    with account_scope(visitor.account):
        writes(whatsapp, "56911112222", name="Ana")

    visitor.asks("9 1111 2222")

    assert carrier.letters[0].to.lstrip("+") == "56911112222"


def test_nobody_can_be_asked_where_no_channel_carries_a_code(visitor: Visitor, carrier: Carrier, ana: Profile, scope: Account) -> None:
    carrier.reaches = frozenset()

    page = visitor.get("sign_in")

    assert page.status_code == 200
    assert '<form class="form' not in page.content.decode()
    assert visitor.post("sign_in", {"address": "ana@ejemplo.cl"}).status_code == 200
    assert PortalSignIn.scoped().count() == 0


def test_a_second_run_of_the_task_sends_no_second_letter(visitor: Visitor, carrier: Carrier, ana: Profile, scope: Account) -> None:
    visitor.asks("ana@ejemplo.cl")

    signing_in.answer(sign_in_id=PortalSignIn.scoped().get().pk)

    assert len(carrier.letters) == 1


def test_leaving_ends_the_visit_and_takes_the_addresses_along(visitor: Visitor, ana: Profile, scope: Account) -> None:
    visitor.comes_in("ana@ejemplo.cl")
    token = visitor.client.cookies["hilo_portal"].value

    visitor.post("sign_out")
    visitor.client.cookies["hilo_portal"] = token

    assert not visitor.is_in
    assert PortalProof.scoped().count() == 0


def test_a_visit_ends_after_an_hour(visitor: Visitor, ana: Profile, scope: Account) -> None:
    visitor.comes_in("ana@ejemplo.cl")
    visit = PortalVisit.scoped().get()
    assert visit.expires_at - visit.opened_at == timedelta(hours=1)

    PortalVisit.scoped().update(expires_at=timezone.now())

    assert not visitor.is_in


def test_visits_and_requests_are_forgotten_after_a_day(visitor: Visitor, ana: Profile, scope: Account) -> None:
    visitor.comes_in("ana@ejemplo.cl")
    assert forget_old_visits() == 0
    long_ago = timezone.now() - timedelta(days=2)
    PortalVisit.scoped().update(expires_at=long_ago)
    PortalSignIn.scoped().update(asked_at=long_ago)

    assert forget_old_visits() == 1
    assert rows() == {"PortalVisit": 0, "PortalProof": 0, "ContactPoint": 1}
    assert PortalSignIn.scoped().count() == 0


def test_every_answer_asks_not_to_be_kept_found_or_named(visitor: Visitor, ana: Profile) -> None:
    visitor.comes_in("ana@ejemplo.cl")
    for response in (visitor.get("sign_in"), visitor.get("home"), visitor.get("enter", "?t=x"), visitor.post("pause", {"days": "1"})):
        assert response["Referrer-Policy"] == "no-referrer"
        assert response["Cache-Control"] == "no-store"
        assert "noindex" in response["X-Robots-Tag"]
    cookie = visitor.client.cookies["hilo_portal"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", f"/p/{visitor.account.slug}/")


def test_a_form_from_elsewhere_is_refused(visitor: Visitor, ana: Profile, scope: Account) -> None:
    visitor.comes_in("ana@ejemplo.cl")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies["hilo_portal"] = visitor.client.cookies["hilo_portal"].value

    # A page that sends no referrer says so with Origin: null.
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)', strict.get(visitor.url("home")).content.decode())
    assert token is not None
    body = {"csrfmiddlewaretoken": token[1]}

    def leave(data: dict[str, str], **headers: str) -> int:
        return strict.post(
            visitor.url("sign_out"), data, headers={name.replace("_", "-"): value for name, value in headers.items()}
        ).status_code

    assert leave({}, Origin="null") == 403
    assert leave(body, Origin="https://otra.example") == 403
    assert leave(body, Origin="null", Sec_Fetch_Site="cross-site") == 403
    assert visitor.is_in
    assert leave(body, Origin="null", Sec_Fetch_Site="same-origin") == 303


def test_the_sweeper_asks_again_for_what_the_broker_lost(visitor: Visitor, ana: Profile, scope: Account) -> None:
    visitor.post("sign_in", {"address": "ana@ejemplo.cl"})
    PortalSignIn.scoped().update(asked_at=timezone.now() - timedelta(minutes=1))

    assert sweep_sign_ins() >= 1


def test_an_unknown_account_has_no_portal(db: None) -> None:
    assert Client().get("/p/no-existe/").status_code == 404
    assert Client().get("/p/no-existe/come-in/").status_code == 404


def test_erasure_takes_what_the_portal_keeps(visitor: Visitor, ana: Profile, scope: Account) -> None:
    visitor.comes_in("ana@ejemplo.cl")
    visitor.asks("ana@ejemplo.cl")
    person = Person((ana.pk,), (ana.contact_id,), tuple(ana.identifiers.all()), frozenset(), frozenset())
    report = Report(profiles=(ana.pk,))

    erase_visits(person, report)

    assert (PortalProof.scoped().count(), PortalSignIn.scoped().count()) == (0, 0)
    assert report.removed["portal"] == 3
    assert not visitor.is_in
