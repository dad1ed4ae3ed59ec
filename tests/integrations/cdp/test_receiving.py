"""What platforms send is stored first, taken once, and belongs to the person that it is about, before and after they said who they are."""

import base64
import gzip
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, AuditEntry, Membership
from accounts.scope import account_scope
from contacts.erasing import erase
from contacts.models import Contact, Identifier, Profile
from contacts.queries import panel
from contacts.telling_apart import tell_apart
from integrations.cdp.receiving import forget_old, process, replay
from integrations.cdp.sources import create_source, revoke_source, rotate_key
from integrations.models import CustomerDataMessage, CustomerDataSource, CustomerEvent
from tests.conftest import make_account
from tests.leftovers import places_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("scoped")]


@pytest.fixture
def source() -> tuple[CustomerDataSource, str]:
    return create_source(name="Tienda", by=SYSTEM)


@pytest.fixture
def key(source: tuple[CustomerDataSource, str]) -> str:
    return source[1]


def post(kind: str, body: Any, key: str = "", raw: bytes | None = None) -> Any:
    headers = {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()} if key else {}
    content = raw if raw is not None else json.dumps(body).encode()
    return Client().generic("POST", f"/v1/{kind}", content, "application/json", headers=headers)


def take_all() -> None:
    for pk in CustomerDataMessage.scoped().filter(state="pending").order_by("pk").values_list("pk", flat=True):
        process(message_id=pk)


def send(key: str, *messages: dict[str, Any]) -> Any:
    answer = post("batch", {"batch": list(messages)}, key)
    assert answer.status_code == 200, answer.content
    take_all()
    return answer.json()


def track_of(properties: str) -> bytes:
    tracked = f'{{"type": "track", "event": "A", "userId": "u", "properties": {properties}}}'
    return f'{{"batch": [{tracked}, {{"type": "identify", "userId": "v"}}]}}'.encode()


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_a_number_that_is_none_loses_nothing(key: str, number: str) -> None:
    """Libraries in Python write them."""
    assert post("batch", None, key, raw=track_of(f'{{"total": {number}, "kept": 1}}')).json() == {"success": True}
    take_all()
    assert CustomerEvent.scoped().get().properties == {"total": None, "kept": 1}


def test_what_is_nested_too_deeply_is_rejected_and_the_others_are_taken(key: str) -> None:
    answer = post("batch", None, key, raw=track_of('{"a":' * 600 + "1" + "}" * 600))
    assert (answer.status_code, [each["index"] for each in answer.json()["rejected"]]) == (200, [0])
    take_all()
    assert [row.state for row in CustomerDataMessage.scoped().order_by("pk")] == ["rejected", "done"]


def test_a_body_that_was_packed_is_unpacked_up_to_the_limit(key: str) -> None:
    def send_packed(raw: bytes) -> Any:
        headers = {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode(), "Content-Encoding": "gzip"}
        return Client().generic("POST", "/v1/batch", raw, "application/json", headers=headers)

    packed = gzip.compress(json.dumps({"batch": [identify("u")]}).encode())
    for wrong, why in ((gzip.compress(b" " * 50_000_000), "larger"), (packed[:-9], "cut off"), (b"{}", "gzip")):
        answer = send_packed(wrong)
        assert (answer.status_code, why in answer.json()["message"]) == (400, True)
    assert not CustomerDataMessage.scoped().exists()
    assert send_packed(packed).json() == {"success": True}
    assert CustomerDataMessage.scoped().get().kind == "identify"


def identify(user: str, **body: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, **body}


def track(event: str, **body: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, **body}


def events_of(contact: Contact) -> list[str]:
    return list(CustomerEvent.scoped().filter(profile__contact=contact).order_by("pk").values_list("name", flat=True))


def messages() -> list[tuple[str, str]]:
    return list(CustomerDataMessage.scoped().order_by("pk").values_list("kind", "state"))


def test_each_kind_has_its_door_and_either_way_of_giving_the_key_opens_it(key: str) -> None:
    assert post("identify", {"userId": "u1", "traits": {"name": "Ana"}}, key).json() == {"success": True}
    assert post("track", {"userId": "u1", "event": "Compra", "writeKey": key}).status_code == 200
    for kind in ("page", "screen"):
        assert post(kind, {"userId": "u1", "name": "Inicio"}, key).status_code == 200
    assert post("alias", {"userId": "u1", "previousId": "a1"}, key).status_code == 200
    take_all()

    assert messages() == [(kind, "done") for kind in ("identify", "track", "page", "screen", "alias")]
    contact = Contact.scoped().get()
    assert (contact.name, events_of(contact)) == ("Ana", ["Compra", "Inicio", "Inicio"])
    assert "writeKey" not in str(list(CustomerDataMessage.scoped().values("body")))


@pytest.mark.parametrize("wrong", ["", "nada", "wk_1_xxxxxxxx", "wk_999999999_x", "wk_x_y", "wk_²_y"])
def test_a_wrong_key_opens_nothing(key: str, wrong: str) -> None:
    assert post("track", {"userId": "u1", "event": "x"}, wrong).status_code == 401
    assert not CustomerDataMessage.scoped().exists()


def test_a_key_of_another_account_writes_there_and_not_here(key: str) -> None:
    with account_scope(make_account("ajena")):
        _source, theirs = create_source(name="Otra", by=SYSTEM)

    assert post("track", {"userId": "u1", "event": "x"}, theirs).status_code == 200

    assert not CustomerDataMessage.scoped().exists()


def test_a_rotated_key_holds_for_a_while_and_a_revoked_one_not_at_all(source: tuple[CustomerDataSource, str]) -> None:
    made, old = source
    made, new = rotate_key(source=made, by=SYSTEM)
    body = {"userId": "u1", "event": "x"}
    assert [post("track", body, each).status_code for each in (old, new)] == [200, 200]
    CustomerDataSource.scoped().update(previous_until=timezone.now())
    assert [post("track", body, each).status_code for each in (old, new)] == [401, 200]
    revoke_source(source=made, by=SYSTEM)
    assert post("track", body, new).status_code == 401
    kept = str([list(CustomerDataSource.scoped().values()), list(CustomerDataSource.history.values())])
    assert old not in kept
    assert new not in kept


def test_who_may_not_manage_the_account_makes_no_key(supervisor: Membership, source: tuple[CustomerDataSource, str]) -> None:
    by = Actor.person(supervisor)
    for attempt in (lambda: create_source(name="x", by=by), lambda: rotate_key(source=source[0], by=by)):
        with pytest.raises(PermissionDenied):
            attempt()
    assert CustomerDataSource.scoped().get().previous_digest == ""
    assert AuditEntry.scoped().filter(action__startswith="customer_data.").count() == 1


def test_the_same_message_again_changes_nothing(key: str) -> None:
    body = track("Compra", userId="u1", messageId="m1")
    send(key, body, body)
    send(key, body)

    assert messages() == [("track", "done")]
    assert CustomerEvent.scoped().count() == 1


def test_what_makes_no_sense_is_kept_with_its_reason_and_loses_nobody_else(key: str) -> None:
    answer = send(
        key,
        track("Uno", userId="u1"),
        "nada",
        {"type": "group", "userId": "u1"},
        track("x" * 33_000, userId="u1"),
        track("Dos", userId="u1"),
    )  # type: ignore[arg-type]

    assert [each["index"] for each in answer["rejected"]] == [1, 3]
    assert events_of(Contact.scoped().get()) == ["Uno", "Dos"]
    assert sorted(state for _kind, state in messages()) == ["done", "done", "rejected", "rejected", "rejected"]
    assert all(CustomerDataMessage.scoped().filter(state="rejected").exclude(reason="").values_list("reason", flat=True))
    assert all(len(str(row)) < 1000 for row in CustomerDataMessage.scoped().values_list("body", flat=True))


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("track", b"{"),
        ("track", b"[]"),
        ("track", b'{"event": "' + b"x" * 33_000 + b'"}'),
        ("batch", b'{"batch": {}}'),
        ("batch", b'{"batch": ["' + b"x" * 520_000 + b'"]}'),
        ("batch", b"[" * 100_000),
    ],
)
def test_a_body_that_is_no_message_is_answered_400(key: str, kind: str, raw: bytes) -> None:
    assert post(kind, None, key, raw=raw).status_code == 400
    assert not CustomerDataMessage.scoped().exists()


def test_what_cannot_be_stored_is_left_out_of_what_is(key: str) -> None:
    send(key, track("Ni\x00ño \ud83d", userId="u1", properties={"a\x00": "\ud800"}))
    assert CustomerEvent.scoped().get().name.startswith("Niño")


def test_a_visitor_who_says_who_they_are_keeps_their_past(key: str) -> None:
    send(key, track("Miró", anonymousId="a1"), identify("u1", anonymousId="a1", traits={"name": "Ana", "email": "ana@ejemplo.cl"}))
    send(key, track("Compró", userId="u1"), track("Volvió", anonymousId="a1"))

    contact = Contact.scoped().get()
    assert (contact.name, contact.is_anonymous) == ("Ana", False)
    assert events_of(contact) == ["Miró", "Compró", "Volvió"]
    kinds = Identifier.scoped().values_list("kind", flat=True)
    assert sorted(kinds) == ["app_user", "email", "visitor"]
    assert Profile.scoped().get().source == "api"


def test_a_user_known_before_is_joined_with_the_visitor_that_they_were(key: str) -> None:
    send(key, identify("u1", traits={"name": "Ana"}), track("Miró", anonymousId="a1"))
    assert Contact.scoped().filter(is_empty=False).count() == 2

    send(key, track("Compró", userId="u1", anonymousId="a1"))

    contact = Contact.scoped().get(is_empty=False)
    assert sorted(events_of(contact)) == ["Compró", "Miró"]
    assert contact.name == "Ana"


def test_a_browser_that_two_people_use_joins_nobody(key: str) -> None:
    send(key, identify("u1", anonymousId="a1", traits={"name": "Ana"}), identify("u2", anonymousId="a1", traits={"name": "Eva"}))

    assert sorted(Contact.scoped().filter(is_empty=False).values_list("name", flat=True)) == ["Ana", "Eva"]


def test_an_alias_joins_two_names_of_a_user_unless_people_said_otherwise(key: str, supervisor: Membership) -> None:
    send(key, identify("old", traits={"name": "Ana"}), identify("new", traits={"name": "Ana R"}))
    send(key, {"type": "alias", "previousId": "old", "userId": "new"})
    assert Contact.scoped().filter(is_empty=False).count() == 1

    send(key, identify("x", traits={"name": "Eva"}), identify("y", traits={"name": "Iris"}))
    tell_apart(contacts=list(Contact.scoped().filter(name__in=["Eva", "Iris"])), by=Actor.person(supervisor))
    send(key, {"type": "alias", "previousId": "x", "userId": "y"})
    assert Contact.scoped().filter(name__in=["Eva", "Iris"], is_empty=False).count() == 2


def test_an_email_that_somebody_has_already_joins_them_in_unified_mode(key: str) -> None:
    send(key, identify("u1", traits={"email": "ana@ejemplo.cl", "name": "Ana"}))
    with_other_key = create_source(name="App", by=SYSTEM)[1]
    send(with_other_key, identify("77", traits={"email": "Ana@Ejemplo.cl"}))

    contact = Contact.scoped().get(is_empty=False)
    assert contact.profiles.count() == 2


def test_a_later_identify_replaces_and_null_takes_away(key: str) -> None:
    send(key, identify("u1", traits={"name": "Ana", "city": "Temuco", "email": "vieja@ejemplo.cl"}))
    send(key, identify("u1", traits={"city": None, "email": "nueva@ejemplo.cl"}))

    contact = Contact.scoped().get(is_empty=False)
    assert "city" not in contact.fields
    valid = Identifier.scoped().filter(kind="email", valid_to=None).values_list("value", flat=True)
    assert list(valid) == ["nueva@ejemplo.cl"]


def test_when_it_happened_is_told_by_our_clock(key: str) -> None:
    theirs = timezone.now() + timedelta(days=3)
    body = {
        "batch": [track("Compra", userId="u1", timestamp=(theirs - timedelta(hours=1)).isoformat())],
        "sentAt": theirs.isoformat(),
    }
    post("batch", body, key)
    take_all()

    event = CustomerEvent.scoped().get()
    assert abs(timezone.now() - timedelta(hours=1) - event.occurred_at) < timedelta(minutes=1)


def test_the_panel_shows_what_they_did(key: str, agent: Membership) -> None:
    send(key, track("Compró sillas", userId="u1"), track("Nada de ella", userId="u2"))
    contact = Contact.scoped().get(profiles__identifiers__raw="u1")

    (card,) = [card for card in panel(contact.pk, membership=agent).cards if card.name == "activity"]

    assert [event.name for event in card.data["events"]] == ["Compró sillas"]


def test_a_worker_that_dies_is_followed_by_another(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    post("track", {"userId": "u1", "event": "Compra"}, key)
    (pk,) = CustomerDataMessage.scoped().values_list("pk", flat=True)
    with monkeypatch.context() as broken:

        def breaks(*_args: object, **_kwargs: object) -> None:
            raise RuntimeError("boom")

        broken.setattr("integrations.cdp.receiving._keep_event", breaks)
        process(message_id=pk)
    message = CustomerDataMessage.scoped().get()
    assert (message.state, message.attempts, "boom" in message.reason) == ("pending", 1, True)
    assert not CustomerEvent.scoped().exists()
    process(message_id=pk)  # not due yet
    assert not CustomerEvent.scoped().exists()

    CustomerDataMessage.scoped().update(next_attempt_at=timezone.now())
    process(message_id=pk)

    assert CustomerEvent.scoped().count() == Contact.scoped().count() == 1


def test_a_rejected_message_is_taken_again_by_hand(key: str, admin: Membership) -> None:
    send(key, {"type": "track", "userId": "u1"})
    message = CustomerDataMessage.scoped().get()
    CustomerDataMessage.scoped().update(body={"userId": "u1", "event": "Compra"})

    replay(message=message, by=Actor.person(admin))
    take_all()

    assert messages() == [("track", "done")]
    assert CustomerEvent.scoped().count() == 1


def test_an_erased_person_leaves_nothing_behind(key: str, admin: Membership) -> None:
    send(key, identify("zubaida-7", anonymousId="anon-zub", traits={"name": "Zubaida", "email": "zubaida@unica.ejemplo"}))
    send(key, track("Compró un xilófono", userId="zubaida-7"), {"type": "group", "userId": "zubaida-7"}, track("Otra cosa", userId="u2"))
    words = ["zubaida", "xilófono", "anon-zub"]
    assert set(places_of(words)) == set(words)

    erase(profiles=list(Contact.scoped().get(name="Zubaida").profiles.all()), by=Actor.person(admin))

    assert places_of(words) == {}
    assert CustomerEvent.scoped().get().name == "Otra cosa"


def test_old_messages_are_forgotten_and_their_events_stay(key: str) -> None:
    send(key, track("Compra", userId="u1"))
    post("track", {"userId": "u1", "event": "Espera"}, key)

    assert forget_old(timezone.now() + timedelta(minutes=1)) == 1

    assert messages() == [("track", "pending")]
    assert CustomerEvent.scoped().count() == 1


def test_the_page_makes_a_key_once_and_shows_what_came_of_it(admin_client: Client, scoped: Account) -> None:
    page = f"/a/{scoped.slug}/settings/customer-data/"
    made = admin_client.post(page, {"name": "Tienda"}).content.decode()
    key = made.split('data-copies="')[1].split('"')[0]
    assert key not in admin_client.get(page).content.decode()

    send(key, identify("u1", traits={"name": "Ana Rojas"}), {"type": "group", "userId": "u1"})

    shown = admin_client.get(page).content.decode()
    assert "Ana Rojas" in shown
    assert "group" in shown
    message = CustomerDataMessage.scoped().get(state="rejected")
    assert admin_client.post(f"{page}messages/{message.pk}/replay/").status_code == 302
    message.refresh_from_db()
    assert message.state == "pending"
