"""What a person takes with them of their consent: every word that was before them, and nothing that others said."""

import base64
import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.actors import SYSTEM
from accounts.models import Account
from consent.models import Purpose, RightsRequest
from consent.notices import publish_notice
from consent.preferences import set_preferences
from consent.sealing import seal
from consent.taking_requests import take_request
from consent.vocabulary import Action
from contacts.exporting import export
from contacts.models import Profile, ValueMark
from tests.consent.people import MAIL, PHONE, agree, make_person, say

WORDING = "Acepto recibir <b>ofertas</b> de Andes."


@pytest.fixture
def ana(scoped: Account) -> Profile:
    return make_person(("phone", PHONE), ("email", MAIL))


def archive_of(profile: Profile) -> tuple[dict[str, Any], zipfile.ZipFile]:
    packed = io.BytesIO()
    export(profiles=[profile], by=SYSTEM, to=packed)
    archive = zipfile.ZipFile(packed)
    return json.loads(archive.read("data.json")), archive


def test_it_holds_points_preferences_every_event_with_its_wording_and_requests(ana: Profile) -> None:
    (notice,) = publish_notice(purpose=Purpose.objects.get(key="marketing"), texts={"es": WORDING}, is_material=True, by=SYSTEM)
    photo = {"name": "../firma.PNG", "type": "image/png", "content": base64.b64encode(b"firma").decode()}
    agreed = agree(ana, notice=notice, proof={"said": "Sí, quiero", "file": photo}, occurred_at=timezone.now() - timedelta(days=1))
    say(ana, Action.WITHDRAW, kind="email", purpose="marketing")
    seal()
    set_preferences(profile=ana, by=SYSTEM, language="es", channels=["whatsapp"], cap_count=2, cap_days=7)
    take_request(contact=ana.contact, kind=RightsRequest.Kind.RECTIFICATION, fields={"name": "Ana María"}, by=SYSTEM)

    data, archive = archive_of(ana)

    assert {row["address"] for row in data["contact_points"]} == {PHONE, MAIL}
    first, second = data["consent_events"]
    assert (first["action"], first["address"], first["wording"], first["wording_number"]) == ("grant", PHONE, WORDING, 1)
    assert (first["said"], first["sequence"], bool(first["hash"])) == ("Sí, quiero", 1, True)
    assert (second["action"], second["address"], second["wording"]) == ("withdraw", MAIL, "")
    assert archive.read(f"consent/{agreed.pk}.png") == b"firma"
    assert first["proof"]["file"] == f"consent/{agreed.pk}.png"
    assert (data["preferences"][0]["channels"], data["preferences"][0]["cap_count"]) == (["whatsapp"], 2)
    assert data["rights_requests"][0]["fields"] == {"name": "Ana María"}
    page = archive.read("index.html").decode()
    assert "Acepto recibir &lt;b&gt;ofertas&lt;/b&gt; de Andes." in page
    assert "Lo que aceptaste y rechazaste" in page


def test_what_others_said_at_a_shared_address_stays_theirs(ana: Profile) -> None:
    beto = make_person(("email", MAIL), name="Beto")
    ValueMark.objects.create(kind="email", key=MAIL, mark="shared")
    agree(ana, kind="email", proof={"said": "soy Ana"})
    agree(beto, kind="email", proof={"said": "soy Beto"})

    data, archive = archive_of(ana)

    assert [row["said"] for row in data["consent_events"]] == ["soy Ana"]
    assert "Beto" not in archive.read("index.html").decode()


def test_at_an_address_of_ones_own_what_its_holder_said_is_given_and_anothers_proof_is_not(ana: Profile) -> None:
    former = make_person(("email", MAIL), name="Beto")
    agree(former, kind="email", proof={"said": "soy Beto"})
    say(former, Action.WITHDRAW, kind="email", proof={"said": "dijo Beto"})
    data, _archive = archive_of(ana)
    assert [(row["action"], row["said"]) for row in data["consent_events"]] == [("grant", "")]
