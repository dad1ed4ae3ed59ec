"""``/api/v1/channels/``: connecting, reading and changing channels."""

from typing import Any

import pytest

from accounts.models import Account, AuditEntry, Channel
from accounts.scope import account_scope
from tests.api.conftest import ApiClient
from tests.conftest import make_channel

WHATSAPP = {
    "phone_number_id": "106540352242922",
    "access_token": "EAAG-secreto",
    "app_secret": "app-secreto",
    "verify_token": "abre",
    "api_base": "http://127.0.0.1:9/v26.0",
}
NEW = {"kind": "whatsapp", "name": "Ventas", "settings": WHATSAPP}


def test_a_channel_is_connected_and_its_secrets_never_come_back(api: ApiClient, account: Account, settings: Any) -> None:
    settings.PUBLIC_URL = "https://hilo.ejemplo.cl"

    response = api.post("channels/", NEW)

    assert response.status_code == 201
    made = response.json()
    with account_scope(account):
        channel = Channel.objects.get()
        assert channel.secrets == {"access_token": "EAAG-secreto", "app_secret": "app-secreto"}
        assert AuditEntry.objects.get(action="channel.connect").actor_kind == "api"
    assert made["id"] == channel.pk
    assert made["webhook_url"] == f"https://hilo.ejemplo.cl/hooks/whatsapp/{channel.key}/"
    assert (made["kind"], made["name"], made["is_active"]) == ("whatsapp", "Ventas", True)
    assert made["settings"]["phone_number_id"] == "106540352242922"
    for answer in (response, api.get("channels/"), api.get(f"channels/{channel.pk}/")):
        assert b"secreto" not in answer.content
    assert response["Location"].endswith(f"/api/v1/channels/{channel.pk}/")
    assert api.get(f"channels/{channel.pk}/").json() == made


def test_a_repeated_post_with_a_key_makes_one_channel(api: ApiClient, account: Account) -> None:
    answers = [api.post("channels/", NEW, **{"Idempotency-Key": "canal"}) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    assert answers[0]["Location"] == answers[1]["Location"]
    with account_scope(account):
        assert Channel.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"kind", "name"}),
        ({**NEW, "kind": "fax"}, {"kind"}),
        ({**NEW, "name": " "}, {"name"}),
        ({**NEW, "settings": {}}, {"phone_number_id", "access_token", "app_secret"}),
        ({**NEW, "settings": {**WHATSAPP, "api_base": "javascript:x", "colour": 1}}, {"api_base", "colour"}),
        ({**NEW, "settings": "x"}, {"settings"}),
        ({**NEW, "key": "mine"}, {"key"}),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(api: ApiClient, account: Account, body: Any, fields: set[str]) -> None:
    response = api.post("channels/", body)

    assert response.status_code == 400
    assert response.json()["error"]["fields"].keys() == fields
    with account_scope(account):
        assert not Channel.objects.exists()
        assert not AuditEntry.objects.filter(action__startswith="channel.").exists()


def test_a_channel_is_changed_in_one_step(api: ApiClient, account: Account) -> None:
    pk = api.post("channels/", NEW).json()["id"]

    changed = api.patch(
        f"channels/{pk}/",
        {
            "name": "Soporte",
            "settings": {"verify_token": "otro", "access_token": ""},
            "is_active": False,
            "greeting_bot": {"enabled": True, "ask": ["contact", "name"]},
        },
    ).json()

    assert (changed["name"], changed["is_active"], changed["settings"]["verify_token"]) == ("Soporte", False, "otro")
    assert changed["greeting_bot"] == {"enabled": True, "greeting": "", "ask": ["name", "contact"]}
    with account_scope(account):
        assert Channel.objects.get(pk=pk).secrets["access_token"] == "EAAG-secreto"


def test_a_change_that_fails_in_the_middle_changes_nothing(api: ApiClient, account: Account) -> None:
    pk = api.post("channels/", NEW).json()["id"]

    response = api.patch(
        f"channels/{pk}/", {"name": "Soporte", "is_active": False, "greeting_bot": {"enabled": True, "greeting": "x" * 501}}
    )

    assert response.status_code == 400
    with account_scope(account):
        channel = Channel.objects.get(pk=pk)
        assert (channel.name, channel.is_active, channel.greeting_bot) == ("Ventas", True, {})


def test_an_agents_token_sees_which_channels_there_are_and_no_more(api: ApiClient, agent_api: ApiClient, account: Account) -> None:
    pk = api.post("channels/", NEW).json()["id"]

    seen = agent_api.get(f"channels/{pk}/").json()

    assert seen.keys() == {"id", "kind", "name", "is_active", "last_event_at", "created_at"}
    assert agent_api.post("channels/", NEW).status_code == 403
    assert agent_api.patch(f"channels/{pk}/", {"name": "x"}).status_code == 403
    with account_scope(account):
        assert Channel.objects.get().name == "Ventas"


def test_another_accounts_channel_is_not_there(outsider_api: ApiClient, account: Account) -> None:
    channel = make_channel(account, "email")

    assert outsider_api.get(f"channels/{channel.pk}/").status_code == 404
    assert outsider_api.patch(f"channels/{channel.pk}/", {"name": "x"}).status_code == 404
    assert outsider_api.get("channels/").json() == {"next": None, "results": []}


def test_pages_are_newest_first_and_stay_put(api: ApiClient, account: Account) -> None:
    old = [make_channel(account, "whatsapp", f"Canal {number}").pk for number in range(5)]

    first = api.get("channels/?limit=2").json()
    make_channel(account, "whatsapp", "Nuevo")
    second = api.client.get(first["next"], headers={"Authorization": f"Bearer {api.token}"}).json()
    third = api.client.get(second["next"], headers={"Authorization": f"Bearer {api.token}"}).json()

    pages = [[row["id"] for row in page["results"]] for page in (first, second, third)]
    assert pages == [[old[4], old[3]], [old[2], old[1]], [old[0]]]
    assert third["next"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=x", "cursor=WzEsMl0", "cursor=%00", "limit=" + "9" * 30])
def test_a_page_that_cannot_be_is_400(api: ApiClient, query: str) -> None:
    response = api.get(f"channels/?{query}")

    assert response.status_code == 400
    assert response.json()["error"]["fields"].keys() == {query.partition("=")[0]}


def test_the_list_takes_the_same_queries_at_2_and_20(api: ApiClient, account: Account, django_assert_num_queries: Any) -> None:
    for count in (2, 18):
        for _ in range(count):
            make_channel(account, "whatsapp")
        api.get("channels/")
        # The token's account (and its setting), the token, the page.
        with django_assert_num_queries(3):
            api.get("channels/")


@pytest.mark.parametrize("pk", ["999999999999", "9" * 40])
def test_ids_of_nothing_are_404(api: ApiClient, pk: str) -> None:
    assert api.get(f"channels/{pk}/").status_code == 404
