"""What somebody told one of ours: written down with its proof, told to the person, and lifting nothing."""

import base64
import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Account, Channel, Membership
from consent.evidence import read_evidence
from consent.models import ConsentEvent, OptInRequest, Purpose
from consent.notices import publish_notice
from consent.vocabulary import Action, PurposeClass
from consent.witnessing import Statement, Witnessed, witness_grant
from contacts.erasing import erase
from contacts.models import Identifier, Profile
from inbox.models import Conversation, Message
from tests.conftest import client_for, make_channel
from tests.consent.people import MAIL, ask, hear, make_person, say

WORDS = "Acepto recibir ofertas de Andes por WhatsApp."
HOUR = timedelta(hours=1)


@pytest.fixture
def whatsapp(scoped: Account) -> Channel:
    given = {"phone_number_id": "1", "api_base": "http://127.0.0.1:1"}
    return make_channel(scoped, "whatsapp", settings=given, secrets={"access_token": "t", "app_secret": "s"})


@pytest.fixture
def ana(whatsapp: Channel) -> Profile:
    """She wrote a minute ago, so that an answer may leave."""
    return hear(whatsapp, "56981234567", "Hola, soy Ana").strand.profile


@pytest.fixture
def news(scoped: Account) -> Purpose:
    return Purpose.objects.create(key="news", purpose_class=PurposeClass.MARKETING, names={"es": "Novedades", "en": "News"})


def address(profile: Profile) -> Identifier:
    return Identifier.objects.select_related("profile").get(profile=profile, kind="whatsapp")


def witness(profile: Profile, purpose: Purpose, by: Membership, *, key: str = "1", channel: str = "whatsapp", **told: Any) -> Witnessed:
    given = {"wording": WORDS, "way": "call", "said_at": timezone.now() - HOUR, "heard_by": "Laura"}
    statement = Statement(**{**given, **told})
    return witness_grant(identifier=address(profile), purpose=purpose, channel=channel, statement=statement, key=key, by=Actor.person(by))


def sent(profile: Profile) -> list[str]:
    return list(Message.scoped().filter(strand__profile=profile, direction="out").order_by("pk").values_list("body", flat=True))


def allowed(profile: Profile, purpose: str = "news") -> str:
    return str(ask(profile, kind="whatsapp", purpose=purpose, template="marketing").detail)


def test_it_counts_at_once_with_its_proof_and_the_person_is_told(ana: Profile, news: Purpose, agent: Membership) -> None:
    assert allowed(ana) == "never_asked"
    photo = SimpleUploadedFile("firma.png", b"firma", "image/png")

    done = witness(ana, news, agent, file=photo, note="Llamó por su pedido")

    assert (done.unsent, done.asks) == ("", False)
    event = done.event
    assert (event.action, event.source, event.possession_proven, event.membership_id) == ("grant", "agent", False, agent.pk)
    assert event.evidence is not None
    proof = read_evidence(event.evidence)
    assert proof is not None
    assert (proof["wording"], proof["way"], proof["heard_by"]) == (WORDS, "call", "Laura")
    assert base64.b64decode(proof["file"]["content"]) == b"firma"
    assert allowed(ana) == ""
    (told,) = sent(ana)
    assert "Novedades" in told
    assert "BAJA" in told


def test_the_same_form_twice_writes_and_sends_once(ana: Profile, news: Purpose, agent: Membership) -> None:
    assert witness(ana, news, agent).event == witness(ana, news, agent).event
    assert len(sent(ana)) == 1


def test_where_a_confirmation_is_needed_the_message_asks_for_it_and_the_button_gives_it(ana: Profile, agent: Membership) -> None:
    marketing = Purpose.objects.get(key="marketing")
    (notice,) = publish_notice(purpose=marketing, texts={"es": WORDS}, is_material=True, by=Actor.person(agent_as_admin(agent)))
    done = witness(ana, marketing, agent)
    assert (done.asks, done.event.notice) == (True, notice)
    assert allowed(ana, "marketing") == "pending"
    (told,) = sent(ana)
    path = re.search(r"/c/\S+", told)
    assert path is not None

    visitor = Client(enforce_csrf_checks=True)
    for look in (visitor.get, visitor.head):
        assert look(path[0]).status_code == 200
    assert WORDS in visitor.get(path[0]).content.decode()
    assert not ConsentEvent.objects.filter(source="confirmation").exists()
    for _twice in range(2):
        assert visitor.post(path[0]).status_code == 200
    assert ConsentEvent.objects.filter(source="confirmation").count() == 1
    assert allowed(ana, "marketing") == ""
    assert visitor.get("/c/12-nada").status_code == visitor.post("/c/nada").status_code == 404
    OptInRequest.objects.update(confirmed_at=None, expires_at=timezone.now() - HOUR)
    assert visitor.post(path[0]).status_code == 404


def agent_as_admin(agent: Membership) -> Membership:
    agent.role = "admin"
    return agent


def test_it_lifts_no_opt_out(ana: Profile, news: Purpose, agent: Membership) -> None:
    say(ana, Action.WITHDRAW, kind="whatsapp")
    witness(ana, news, agent, said_at=timezone.now())
    assert ask(ana, kind="whatsapp", purpose="news").reason == "withdrawn"


def test_what_no_channel_can_tell_is_written_down_and_says_so(scoped: Account, news: Purpose, agent: Membership) -> None:
    beto = make_person(("email", MAIL))
    told = Statement(wording=WORDS, way="visit", said_at=timezone.now(), heard_by="Laura")
    identifier = Identifier.objects.select_related("profile").get(profile=beto)
    done = witness_grant(identifier=identifier, purpose=news, channel="email", statement=told, key="1", by=Actor.person(agent))
    assert done.unsent
    assert ConsentEvent.objects.count() == 1
    assert not Conversation.scoped().exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"wording": "  "},
        {"way": "dream"},
        {"heard_by": ""},
        {"said_at": timezone.now() + timedelta(days=9)},
        {"note": "x" * 501},
        {"channel": "email"},
        {"file": SimpleUploadedFile("a.wav", b"x" * (2 * 1024 * 1024 + 1))},
    ],
)
def test_without_what_proves_it_nothing_is_written(ana: Profile, news: Purpose, agent: Membership, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        witness(ana, news, agent, **wrong)
    assert not ConsentEvent.objects.exists()
    assert sent(ana) == []


def test_who_may_not_writes_nothing(ana: Profile, news: Purpose, agent: Membership, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(agent), "may", lambda self, ability: False)
    with pytest.raises(PermissionDenied):
        witness(ana, news, agent)
    assert not ConsentEvent.objects.exists()


class TestPage:
    def test_an_agent_writes_it_down_and_sees_it(self, ana: Profile, news: Purpose, agent: Membership, agent_client: Client) -> None:
        url = f"/a/{ana.account.slug}/contacts/{ana.contact_id}/consent/"
        page = agent_client.get(url)
        assert page.status_code == 200
        body = {
            "key": str(uuid.uuid4()),
            "place": f"{address(ana).pk}:whatsapp",
            "purpose": "news",
            "wording": WORDS,
            "way": "call",
            "said_at": (timezone.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M"),
            "heard_by": "Laura",
        }
        refused = agent_client.post(url, {**body, "wording": " "})
        assert (refused.status_code, ConsentEvent.objects.count()) == (422, 0)
        for _twice in range(2):
            assert agent_client.post(url, body).status_code == 302
        assert (ConsentEvent.objects.count(), len(sent(ana))) == (1, 1)
        assert "Novedades" in agent_client.get(url).content.decode()
        assert "Anotar lo que te dijo" in agent_client.get(f"/a/{ana.account.slug}/contacts/{ana.contact_id}/").content.decode()

    def test_one_click_stops_promotions_everywhere(self, ana: Profile, news: Purpose, agent: Membership, agent_client: Client) -> None:
        witness(ana, news, agent)
        url = f"/a/{ana.account.slug}/contacts/{ana.contact_id}/consent/opt-out/"
        assert agent_client.get(url).status_code == 405
        assert agent_client.post(url).status_code == 302
        assert ask(ana, kind="whatsapp", purpose="news").reason == "withdrawn"
        assert ConsentEvent.objects.filter(action="withdraw", source="agent", membership=agent).exists()

    def test_the_portals_link_is_sent_to_one_of_their_addresses_only(self, ana: Profile, agent_client: Client) -> None:
        url = f"/a/{ana.account.slug}/contacts/{ana.contact_id}/consent/portal-link/"
        stranger = make_person(("email", MAIL))
        agent_client.post(url, {"place": f"{Identifier.objects.get(profile=stranger).pk}:email"})
        assert sent(ana) == []
        agent_client.post(url, {"place": f"{address(ana).pk}:whatsapp"})
        assert f"/p/{ana.account.slug}/" in sent(ana)[0]

    def test_of_somebody_erased_there_is_no_page(self, ana: Profile, admin: Membership) -> None:
        contact_id, slug = ana.contact_id, ana.account.slug
        erase(profiles=[ana], by=Actor.person(admin))
        assert client_for(admin).get(f"/a/{slug}/contacts/{contact_id}/consent/").status_code == 410
