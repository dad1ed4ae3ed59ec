"""Three languages: what decides which, and that the third is complete wherever the portal speaks."""

import pytest
from django.test import Client
from django.utils import timezone, translation
from django.utils.translation import trans_real

from accounts.models import Channel
from accounts.scope import account_scope
from config import catalogs
from consent.ledger import record
from consent.models import ConsentEvent, NoticeVersion, Preference
from consent.points import points_of_profile
from consent.vocabulary import Action, Origin
from contacts.models import Profile
from tests.consent.portal.conftest import MARKETING, Visitor, publish
from tests.contacts.stories import writes


def language_of(visitor: Visitor, accepted: str) -> str:
    response = visitor.client.get(visitor.url("sign_in"), headers={"Accept-Language": accepted})
    assert f'<html lang="{response["Content-Language"]}">' in response.content.decode()
    return response["Content-Language"]


@pytest.mark.parametrize(
    ("accepted", "spoken"),
    [
        ("pt-BR,pt;q=0.9,en;q=0.8", "pt"),
        ("en-GB", "en"),
        ("es-419", "es"),
        ("fr,pt;q=0.5", "pt"),
        ("fr", "es"),
        ("", "es"),
        ("*", "es"),
        (";;;,,q=", "es"),
    ],
)
def test_the_browser_is_asked(visitor: Visitor, accepted: str, spoken: str) -> None:
    assert language_of(visitor, accepted) == spoken


def test_a_preference_goes_before_the_browser_and_the_switch_before_both(visitor: Visitor, ana: Profile) -> None:
    visitor.comes_in("ana@ejemplo.cl")
    with account_scope(visitor.account):
        Preference.objects.create(profile=ana, language="pt", updated_at=timezone.now())
    assert visitor.get("home")["Content-Language"] == "pt"

    back = visitor.post("language", {"language": "en", "back": visitor.url("history")})

    assert back["Location"] == visitor.url("history")
    assert visitor.get("home")["Content-Language"] == "en"


@pytest.mark.parametrize("back", ["https://otra.example/", "//otra.example/", "/a/andes/", "", "javascript:alert(1)"])
def test_the_switch_leads_back_into_the_portal_only(visitor: Visitor, back: str) -> None:
    assert visitor.post("language", {"language": "en", "back": back})["Location"] == visitor.url("home")
    assert visitor.client.cookies["hilo_portal_language"].value == "en"


def test_a_language_that_is_none_is_not_remembered(visitor: Visitor) -> None:
    visitor.post("language", {"language": "xx", "back": ""})

    assert "hilo_portal_language" not in visitor.client.cookies


def test_the_workspace_does_not_speak_the_portals_third_language() -> None:
    assert Client().get("/login/", headers={"Accept-Language": "pt-BR"})["Content-Language"] == "es"


@pytest.fixture
def borrowed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Every text of ours that was asked for in Portuguese and is not in its catalog."""
    ours = {f"{context}\x04{text}" if context else text for context, text in catalogs.collect() if isinstance(text, str)}
    portuguese, found, usual = catalogs.read_catalog("pt"), set[str](), trans_real.gettext

    def gettext(message: str) -> str:
        context, _mark, text = str(message).rpartition("\x04")
        if translation.get_language() == "pt" and message in ours and portuguese.get(text, context or None) is None:
            found.add(text)
        return usual(message)

    monkeypatch.setattr(trans_real, "gettext", gettext)
    monkeypatch.setattr(translation._trans, "gettext", gettext, raising=False)
    return found


def test_the_spy_hears_what_is_borrowed(borrowed: set[str], db: None) -> None:
    portuguese = {message.id for message in catalogs.read_catalog("pt")}
    elsewhere = min(text for context, text in catalogs.collect() if isinstance(text, str) and not context and text not in portuguese)

    with translation.override("pt"):
        translation.gettext(elsewhere)
        translation.gettext("Save")

    assert borrowed == {elsewhere}


def test_no_page_of_the_portal_borrows_a_text_from_another_language(
    visitor: Visitor, ana: Profile, notice: NoticeVersion, whatsapp: Channel, borrowed: set[str]
) -> None:
    """The catalog's own check knows the sources that are listed for it (config.catalogs.PARTIAL); this knows what is shown."""
    with account_scope(visitor.account):
        writes(whatsapp, "56911112222", hours=1, name="Ana", email="otra@ejemplo.cl")
        (linked,) = points_of_profile(ana)
        for action in Action:
            if action is Action.RETRACT:
                # An agent's own slip: it names the entry that it takes back.
                continue
            record(
                ref=linked.ref,
                action=action,
                origin=Origin.MESSAGE,
                occurred_at=timezone.now(),
                key=action,
                profile=ana,
                channel="email",
                purpose=MARKETING,
                possession_proven=True,
                notice=notice,
            )
    visitor.client = Client(headers={"Accept-Language": "pt"})
    visitor.comes_in("ana@ejemplo.cl")
    visitor.shows_also("+56911112222")

    for to in ("export", "erase"):
        visitor.post(to, {"understood": "yes"})
    visitor.post("data", {"name": "Ana R.", "city": "Lebu"})
    visitor.post("pause", {"days": "7"})
    visitor.post("preferences", {"quiet_from": "21:00"})
    visitor.post("erase")
    with account_scope(visitor.account):
        publish(2, "Novo texto", language="pt")
    pages = [
        "home",
        "pause",
        "preferences",
        "wording",
        "points",
        "data",
        "history",
        "export",
        "erase",
        "requests",
        "not_me",
        "code",
        "sign_in",
    ]
    said = [visitor.get(name).content.decode() for name in pages]
    said += [visitor.get("home", f"?done={code}").content.decode() for code in ("saved", "stopped", "paused", "resumed", "not-me")]
    with account_scope(visitor.account):
        events = list(ConsentEvent.scoped().order_by("pk").values_list("pk", flat=True))
    said += [visitor.get("receipt", event_id=pk).content.decode() for pk in events]
    visitor.post("code", {"code": "0"})
    visitor.post("enter", {"t": "x"})
    visitor.post("sign_in", {"address": "x"})

    assert borrowed == set()
    assert all("Seus" in page or "Sua" in page or "Comprovante" in page for page in said)
