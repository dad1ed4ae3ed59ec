"""The pages of the channels: who may open them, what they show, and what they never show."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, AuditEntry, Channel
from accounts.scope import account_scope
from inbox.models import InboundEvent
from tests.conftest import make_channel

SETTINGS = {
    "phone_number_id": "106540352242922",
    "access_token": "EAAG-secreto",
    "app_secret": "otro-secreto",
    "verify_token": "mi-palabra",
}


def url(account: Account, rest: str = "") -> str:
    return f"/a/{account.slug}/settings/channels/{rest}"


def text(response: Any) -> str:
    return response.content.decode()


@pytest.fixture
def channel(account: Account) -> Channel:
    public = {key: SETTINGS[key] for key in ("phone_number_id", "verify_token")}
    settings = {**public, "api_base": "https://graph.facebook.com/v26.0", "business_account_id": "", "templates": []}
    secrets = {"access_token": "EAAG-secreto", "app_secret": "otro-secreto"}
    return make_channel(account, "whatsapp", "Ventas", settings=settings, secrets=secrets)


def make_event(channel: Channel, body: bytes, state: str = "unreadable", error: str = "This is not JSON") -> InboundEvent:
    with account_scope(channel.account_id):
        return InboundEvent.objects.create(channel=channel, body=body, sha256=body[:32].ljust(32), state=state, error=error)


class TestAccess:
    GET = ("", "new/whatsapp/", "{channel}/")
    POST = ("{channel}/switch/", "{channel}/bot/", "{channel}/events/{event}/replay/")

    @pytest.fixture
    def event(self, channel: Channel) -> InboundEvent:
        return make_event(channel, b"{")

    def pages(self, account: Account, channel: Channel, event: InboundEvent) -> list[tuple[str, str]]:
        rows = [("get", path) for path in self.GET] + [("post", path) for path in self.POST]
        return [(method, url(account, path.format(channel=channel.pk, event=event.pk))) for method, path in rows]

    def test_who_may_open_what(
        self,
        account: Account,
        channel: Channel,
        event: InboundEvent,
        client: Client,
        agent_client: Client,
        supervisor_client: Client,
        outsider_client: Client,
        admin_client: Client,
    ) -> None:
        expected = ((client, (302,)), (outsider_client, (404,)), (agent_client, (403,)), (supervisor_client, (403,)))
        for method, path in self.pages(account, channel, event):
            for visitor, statuses in expected:
                assert getattr(visitor, method)(path).status_code in statuses, (method, path)
        with account_scope(account):
            channel.refresh_from_db()
            event.refresh_from_db()
            assert (channel.is_active, channel.greeting_bot, event.state) == (True, {}, "unreadable")
            assert not AuditEntry.objects.exists()
        for method, path in self.pages(account, channel, event):
            assert getattr(admin_client, method)(path).status_code in (200, 302), path

    def test_another_accounts_channel_is_not_found_in_ones_own(
        self, other_account: Account, outsider_client: Client, channel: Channel, event: InboundEvent
    ) -> None:
        for method, path in self.pages(other_account, channel, event)[2:]:
            assert getattr(outsider_client, method)(path).status_code == 404, path

    def test_what_only_writes_takes_no_get(self, admin_client: Client, account: Account, channel: Channel, event: InboundEvent) -> None:
        for method, path in self.pages(account, channel, event):
            if method == "post":
                assert admin_client.get(path).status_code == 405

    def test_an_event_of_another_channel_is_not_found(self, admin_client: Client, account: Account, event: InboundEvent) -> None:
        other = make_channel(account, "instagram", settings={"ig_user_id": "1"})
        assert admin_client.post(url(account, f"{other.pk}/events/{event.pk}/replay/")).status_code == 404

    def test_an_unknown_kind_is_not_found(self, admin_client: Client, account: Account) -> None:
        assert admin_client.get(url(account, "new/paloma/")).status_code == 404


class TestHealth:
    def test_a_channel_that_cannot_send_says_why(self, admin_client: Client, account: Account, channel: Channel) -> None:
        with account_scope(account):
            Channel.objects.filter(pk=channel.pk).update(sending_problem="El token <b>venció</b>")

        assert "No puede enviar" in text(admin_client.get(url(account)))
        assert "El token &lt;b&gt;venció&lt;/b&gt;" in text(admin_client.get(url(account, f"{channel.pk}/")))

    @pytest.mark.parametrize("kind", ["whatsapp", "instagram", "email"])
    def test_the_connection_can_be_tried(self, admin_client: Client, account: Account, kind: str) -> None:
        found = make_channel(account, kind, settings={"verify_token": "v"})
        page = text(admin_client.get(url(account, f"{found.pk}/")))
        assert page.count(f"{found.pk}/check/") == 1


class TestPartlyUnreadable:
    def test_it_is_listed_with_what_was_not_read_and_can_be_played_again(
        self, admin_client: Client, account: Account, channel: Channel
    ) -> None:
        event = make_event(channel, b"{}", state="partly", error="statuses without id: 'id' is missing")

        assert "1 ilegible en parte" in text(admin_client.get(url(account)))
        page = text(admin_client.get(url(account, f"{channel.pk}/")))
        assert "statuses without id: &#x27;id&#x27; is missing" in page
        assert f"events/{event.pk}/replay/" in page

        admin_client.post(url(account, f"{channel.pk}/events/{event.pk}/replay/"))
        with account_scope(account):
            event.refresh_from_db()
            assert event.state != "partly"


class TestList:
    def test_each_channel_with_its_health(self, admin_client: Client, account: Account, channel: Channel) -> None:
        with account_scope(account):
            Channel.objects.filter(pk=channel.pk).update(refused_count=41)
        make_channel(account, "instagram", "La vitrina", is_active=False)
        for number in range(3):
            make_event(channel, b"%d" % number)
        make_event(channel, b"f", state="failed")

        page = text(admin_client.get(url(account)))

        assert "Ventas" in page
        assert "La vitrina" in page
        assert "3 ilegibles" in page
        assert "1 fallido" in page
        assert ">41<" in page
        assert "style=" not in page

    def test_an_empty_list_teaches_the_next_step(self, admin_client: Client, account: Account) -> None:
        page = text(admin_client.get(url(account)))
        assert url(account, "new/whatsapp/") in page
        assert url(account, "new/instagram/") in page

    def test_the_number_of_queries_does_not_grow(self, admin_client: Client, account: Account) -> None:
        counts = []
        for wanted in (2, 20):
            with account_scope(account):
                while Channel.objects.count() < wanted:
                    make_event(make_channel(account, "whatsapp"), b"{")
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert admin_client.get(url(account)).status_code == 200
            counts.append(len(queries))
        assert counts[0] == counts[1]


class TestConnecting:
    def test_a_number_is_connected_and_the_rest_is_explained(self, admin_client: Client, account: Account, settings: Any) -> None:
        settings.PUBLIC_URL = "https://hilo.ejemplo.cl"

        response = admin_client.post(url(account, "new/whatsapp/"), {"name": "Ventas", **SETTINGS}, follow=True)

        with account_scope(account):
            made = Channel.objects.get()
        assert response.redirect_chain == [(url(account, f"{made.pk}/"), 302)]
        assert made.secrets == {"access_token": "EAAG-secreto", "app_secret": "otro-secreto"}
        assert made.settings["templates"] == []
        page = text(response)
        assert f"https://hilo.ejemplo.cl/hooks/whatsapp/{made.key}/" in page
        assert "mi-palabra" in page
        assert "EAAG" not in page
        assert "otro-secreto" not in page

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"name": ""}, "name"),
            ({"access_token": ""}, "access_token"),
            ({"phone_number_id": "+56 9"}, "phone_number_id"),
            ({"api_base": "ftp://x"}, "api_base"),
            ({"templates-name": "A", "templates-language": "es", "templates-category": "", "templates-body": "Hola"}, "templates"),
            ({"templates-name": "aviso", "templates-language": "es", "templates-category": "", "templates-body": ""}, "templates"),
        ],
    )
    def test_what_is_wrong_stands_beside_its_field(self, admin_client: Client, account: Account, changes: dict, field: str) -> None:
        response = admin_client.post(url(account, "new/whatsapp/"), {"name": "Ventas", **SETTINGS, **changes})

        assert response.status_code == 422
        assert list(response.context["form"].errors) == [field]
        assert "EAAG" not in text(response)
        with account_scope(account):
            assert not Channel.objects.exists()


class TestOneChannel:
    def test_secrets_are_never_shown(self, admin_client: Client, account: Account, channel: Channel) -> None:
        page = text(admin_client.get(url(account, f"{channel.pk}/")))

        assert "EAAG" not in page
        assert "otro-secreto" not in page
        assert "Ya está. Déjalo vacío para conservarlo." in page

    def test_a_change_keeps_secrets_that_are_left_empty(self, admin_client: Client, account: Account, channel: Channel) -> None:
        templates = {"name": ["aviso", ""], "language": ["es", ""], "category": ["", ""], "body": ["Hola {{1}}", " "]}
        rows = {f"templates-{column}": values for column, values in templates.items()}
        given = {"name": "Postventa", **SETTINGS, "access_token": "EAAG-nuevo", "app_secret": "", **rows}

        assert admin_client.post(url(account, f"{channel.pk}/"), given).status_code == 302

        with account_scope(account):
            channel.refresh_from_db()
            assert AuditEntry.objects.get().detail == {"changed": ["name", "access_token", "templates"]}
        assert channel.name == "Postventa"
        assert channel.secrets == {"access_token": "EAAG-nuevo", "app_secret": "otro-secreto"}
        assert channel.settings["templates"] == [{"name": "aviso", "language": "es", "body": "Hola {{1}}", "category": "utility"}]
        assert ">Hola {{1}}</textarea>" in text(admin_client.get(url(account, f"{channel.pk}/")))

    def test_a_wrong_change_changes_nothing(self, admin_client: Client, account: Account, channel: Channel) -> None:
        response = admin_client.post(url(account, f"{channel.pk}/"), {"name": "Postventa", **SETTINGS, "phone_number_id": "no!"})

        assert response.status_code == 422
        with account_scope(account):
            channel.refresh_from_db()
        assert channel.name == "Ventas"

    def test_it_is_switched_off_and_on(self, admin_client: Client, account: Account, channel: Channel) -> None:
        for wanted, active in (("no", False), ("yes", True)):
            page = text(admin_client.post(url(account, f"{channel.pk}/switch/"), {"active": wanted}, follow=True))
            with account_scope(account):
                channel.refresh_from_db()
            assert channel.is_active is active
            assert ("El canal está apagado" in page) is not active

    def test_the_bot_is_set(self, admin_client: Client, account: Account, channel: Channel) -> None:
        given = {"bot-enabled": "on", "bot-greeting": "¡Hola!", "bot-ask": ["name", "contact"]}

        assert admin_client.post(url(account, f"{channel.pk}/bot/"), given).status_code == 302

        with account_scope(account):
            channel.refresh_from_db()
        assert channel.greeting_bot == {"enabled": True, "greeting": "¡Hola!", "ask": ["name", "contact"]}
        assert "¡Hola!" in text(admin_client.get(url(account, f"{channel.pk}/")))

    def test_a_greeting_that_is_too_long_is_refused(self, admin_client: Client, account: Account, channel: Channel) -> None:
        response = admin_client.post(url(account, f"{channel.pk}/bot/"), {"bot-greeting": "a" * 501})

        assert response.status_code == 422
        with account_scope(account):
            channel.refresh_from_db()
        assert channel.greeting_bot == {}

    def test_events_that_brought_nothing_are_shown_as_they_came_and_replayed(
        self, admin_client: Client, account: Account, channel: Channel
    ) -> None:
        event = make_event(channel, b'{"a": "<script>alert(1)</script>\x00\xff' + b"x" * 3000)

        page = text(admin_client.get(url(account, f"{channel.pk}/")))

        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page
        assert "x…" in page
        assert "This is not JSON" in page
        assert admin_client.post(url(account, f"{channel.pk}/events/{event.pk}/replay/")).status_code == 302
        with account_scope(account):
            event.refresh_from_db()
            assert (event.state, event.attempts) == ("pending", 0)
            assert AuditEntry.objects.get().action == "inbound_event.replay"

    def test_a_web_chat_that_one_page_uses_wrongly_still_works(self, admin_client: Client, account: Account) -> None:
        make_channel(account, "webchat", problem="Una página firma mal.")
        page = text(admin_client.get(url(account)))
        assert "Hay que revisarlo" in page
        assert "No funciona" not in page

    def test_what_does_not_work_is_said(self, admin_client: Client, account: Account, channel: Channel) -> None:
        with account_scope(account):
            Channel.objects.filter(pk=channel.pk).update(problem="El token expiró.")
        assert "El token expiró." in text(admin_client.get(url(account, f"{channel.pk}/")))
