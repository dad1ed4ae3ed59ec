"""A person is erased: nothing of theirs is left in the database or among the files, and everybody else stays as they are."""

import json
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.test import Client

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, AuditEntry, Channel, Membership
from accounts.tokens import create_token
from consent.fingerprints import point_ref
from consent.models import Suppression
from contacts.correcting import add_identifier, correct_field
from contacts.erasing import erase
from contacts.marking import mark_shared
from contacts.merging import Refused, merge, unmerge
from contacts.models import Contact, Identifier, MergeSuggestion, Profile
from contacts.suggesting import suggest
from contacts.unification.switching import ask_for_preview, carry_out
from inbox.conversations import add_note
from inbox.models import Attachment, Conversation, InboundEvent, Message
from inbox.receiving import process_event, store_event
from integrations.models import Visitor
from tests.conftest import make_channel
from tests.contacts.stories import writes
from tests.inbox.wire import SECRETS, SETTINGS, envelope, status, text
from tests.leftovers import places_of

pytestmark = pytest.mark.django_db
ZENOBIA = "56987651234"
WORDS = ["Zenobia", "Quetzal", "987651234", "zenobia@unica", "xilófono", "Peldaño 77", "12.345.678", "cuñada"]
MAIL = """From: Zenobia Quetzal <zenobia@unica.ejemplo>
To: hola@andes.ejemplo
Subject: Mi xilófono
Message-ID: <z1@unica.ejemplo>
Date: Mon, 02 Mar 2026 15:00:00 +0000
Content-Type: text/plain; charset=utf-8

El xilófono llegó roto.
"""


@pytest.fixture
def whatsapp(scoped: Account) -> Channel:
    return make_channel(scoped, "whatsapp", "WhatsApp", settings=SETTINGS, secrets=SECRETS)


@pytest.fixture
def mail(scoped: Account) -> Channel:
    return make_channel(scoped, "email", "Correo", settings={"address": "hola@andes.ejemplo"})


def arrives(channel: Channel, body: bytes) -> None:
    event = store_event(channel=channel, body=body, context={})
    assert event is not None
    process_event(event_id=event.pk)
    event.refresh_from_db()
    assert event.state == InboundEvent.State.PROCESSED, event.error


@pytest.fixture
def zenobia(whatsapp: Channel, mail: Channel, supervisor: Membership, admin: Membership) -> Contact:
    """Somebody of whom every room keeps something: two channels, a batch with others, a correction, notes, files, a merge and marks."""
    by = Actor.person(supervisor)
    arrives(whatsapp, envelope(text("w1", ZENOBIA, "Hola, soy Zenobia Quetzal, por el xilófono"), name="Zenobia Quetzal"))
    batch = json.loads(
        envelope(text("w2", "56911112222", "Busco a mi cuñada"), text("w3", ZENOBIA, "¿Hay xilófono?"), name="Zenobia Quetzal")
    )
    batch["entry"][0]["changes"][0]["value"]["contacts"][0]["profile"]["name"] = "Raúl"
    arrives(whatsapp, json.dumps(batch).encode())
    arrives(whatsapp, envelope(statuses=[status("w9", "delivered", ZENOBIA)]))
    arrives(mail, MAIL.encode())
    by_mail = Profile.scoped().get(channel=mail)
    by_phone = Profile.scoped().get(channel=whatsapp, address=ZENOBIA)
    if by_mail.contact_id != by_phone.contact_id:
        merge(contacts=[by_mail.contact, by_phone.contact], by=by, reason="Zenobia lo dijo", evidence={"shared": {"value": "+56987651234"}})
    shown = Contact.scoped().get(profiles=by_phone)
    correct_field(contact=shown, field="street", value="Peldaño 77", by=by)
    add_identifier(contact=shown, kind="phone", value="+56 9 8765 1234", by=by)
    conversation = Conversation.scoped().filter(strands__profile=by_phone).first()
    assert conversation is not None
    add_note(conversation=conversation, body="La cuñada de Zenobia llamará", by=by)
    message = Message.scoped().filter(strand__profile=by_phone).first()
    attachment = Attachment(message=message, state="stored", name="Zenobia.jpg", content_type="image/jpeg")
    attachment.file.save("z.jpg", ContentFile(b"xilofono"))
    other = Profile.scoped().get(address="56911112222")
    low, high = sorted([by_phone, other], key=lambda profile: profile.pk)
    suggest(
        low=low,
        high=high,
        origin="dedup",
        probability=0.8,
        weight=3.0,
        evidence=[{"comparison": "phone", "level": "x", "bits": 1, "left": "+56987651234", "right": "Zenobia Quetzal"}],
        conflicts=[],
    )
    mark_shared(identifier=Identifier.scoped().filter(profile=by_phone, kind="phone")[0], by=by, reason="La cuñada lo usa")
    Visitor.objects.create(
        channel=whatsapp,
        visitor_id="5b1d7d0c-7d3f-4a56-8f3a-0d3ac0ffee01",
        token_digest="x",
        profile=by_phone,
        identity={"name": "Zenobia"},
    )
    run = ask_for_preview(account=whatsapp.account, by=Actor.person(admin))
    carry_out(run_id=run.pk)
    shown.refresh_from_db()
    assert set(places_of(WORDS)) >= {"Zenobia", "987651234", "zenobia@unica", "xilófono", "Peldaño 77"}
    return shown


def test_nothing_of_theirs_is_left_and_the_others_keep_everything(
    zenobia: Contact, whatsapp: Channel, admin: Membership, django_capture_on_commit_callbacks: pytest.FixtureRequest
) -> None:
    others = {message.pk: message.body for message in Message.scoped().filter(body="Busco a mi cuñada")}
    files = list(Path(settings.MEDIA_ROOT).rglob("*.jpg"))
    assert len(files) == 1

    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        report = erase(profiles=list(zenobia.profiles.all()), by=Actor.person(admin))

    left = places_of(WORDS)
    assert set(left) == {"cuñada"}
    assert set(left["cuñada"]) == {"inbox_message", "inbox_conversation"}
    assert {message.pk: message.body for message in Message.scoped().filter(body="Busco a mi cuñada")} == others
    assert not any(file.exists() for file in files)
    assert report.removed["messages"] == 4
    assert report.removed["files"] == report.removed["visitors"] == 1
    assert "Zenobia" not in str(report.as_json())
    # Her own addresses are suppressed by their fingerprints; what she only typed may be anybody's.
    assert {row.kind for row in Suppression.scoped().filter(reason="erased")} == {"email", "phone"}
    assert "2 addresses" in report.kept["suppression"]
    zenobia.refresh_from_db()
    assert (zenobia.is_erased, zenobia.name, zenobia.fields, zenobia.search_text) == (True, "", {}, "")
    entry = AuditEntry.scoped().get(action="contact.erase")
    assert (entry.target_id, entry.membership_id) == (zenobia.pk, admin.pk)


def test_who_writes_again_is_somebody_new(zenobia: Contact, whatsapp: Channel, admin: Membership) -> None:
    erase(profiles=list(zenobia.profiles.all()), by=Actor.person(admin))

    arrives(whatsapp, envelope(text("w8", ZENOBIA, "Hola de nuevo"), name="Zenobia"))

    again = Profile.scoped().get(address=ZENOBIA)
    assert again.contact_id != zenobia.pk
    assert again.contact.name == "Zenobia"
    assert again.episode == 1


def test_one_profile_of_a_merged_contact_is_erased_and_the_rest_stay_who_they_are(
    zenobia: Contact, supervisor: Membership, admin: Membership
) -> None:
    mail = zenobia.profiles.get(channel__kind="email")

    report = erase(profiles=[mail], by=Actor.person(admin))

    zenobia.refresh_from_db()
    assert not zenobia.is_erased
    assert "zenobia@unica" not in str(places_of(["zenobia@unica"]))
    assert zenobia.name == "Zenobia Quetzal"
    assert [line["conversation"] for line in report.mentions] == []
    assert Message.scoped().filter(body__contains="por el xilófono").exists()
    assert not Message.scoped().filter(body__contains="llegó roto").exists()
    # The rest can be separated and joined as before.
    rest = zenobia.profiles.get(channel__kind="whatsapp")
    event = unmerge(contact=zenobia, profiles=[rest], by=Actor.person(supervisor))
    assert event.moves.exists()
    home = Contact.scoped().get(profiles=rest)
    assert (home.name, home.is_erased) == ("Zenobia Quetzal", False)


def test_messages_of_others_that_name_the_address_are_listed_and_kept(zenobia: Contact, whatsapp: Channel, admin: Membership) -> None:
    arrives(whatsapp, envelope(text("w7", "56911112222", "Su número es +56987651234"), name="Raúl"))
    message = Message.scoped().get(provider_id="w7")

    report = erase(profiles=list(zenobia.profiles.all()), by=Actor.person(admin))

    assert report.mentions == [{"message": message.pk, "conversation": message.strand.conversation_id}]
    message.refresh_from_db()
    assert message.body == "Su número es +56987651234"


def test_who_may_not_erase_changes_nothing(zenobia: Contact, supervisor: Membership) -> None:
    before = places_of(WORDS)
    with pytest.raises(PermissionDenied):
        erase(profiles=list(zenobia.profiles.all()), by=Actor.person(supervisor))
    other = Profile.scoped().exclude(contact=zenobia).first()
    assert other is not None
    with pytest.raises(Refused):
        erase(profiles=[*zenobia.profiles.all(), other], by=SYSTEM)
    assert places_of(WORDS) == before
    assert not AuditEntry.scoped().filter(action="contact.erase").exists()


def test_the_page_and_the_api_say_that_it_is_gone(zenobia: Contact, admin: Membership, admin_client: Client) -> None:
    url = f"/a/{zenobia.account.slug}/contacts/{zenobia.pk}/"
    aliases = list(Contact.scoped().filter(home_of__contact=zenobia).exclude(pk=zenobia.pk).values_list("pk", flat=True))
    assert admin_client.get(url).status_code == 200
    erase(profiles=list(zenobia.profiles.all()), by=SYSTEM)
    api = Client(headers={"Authorization": f"Bearer {create_token(membership=admin, name='prueba', by=Actor.person(admin))[1]}"})

    page = admin_client.get(url)

    assert page.status_code == 410
    assert "Esta persona fue borrada" in page.content.decode()
    for contact in (zenobia.pk, *aliases):
        for path in (f"/api/v1/contacts/{contact}/", f"/api/v1/contacts/{contact}/timeline/", f"/api/v1/contacts/{contact}/history/"):
            assert api.get(path).status_code == 410
    assert not MergeSuggestion.scoped().exists()


def test_the_command_erases_and_prints_the_report(zenobia: Contact, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("erase_person", zenobia.pk, account=zenobia.account.slug, yes=True)
    assert '"messages": 4' in capsys.readouterr().out
    zenobia.refresh_from_db()
    assert zenobia.is_erased


def test_nobody_silences_an_address_that_they_only_typed(whatsapp: Channel, scoped: Account) -> None:
    chat = make_channel(scoped, "webchat", "Sitio")
    with_victim = writes(chat, "5b1d7d0c-7d3f-4a56-8f3a-0d3ac0ffee09", 0, name="Bruno", email="victima@unica.ejemplo")

    erase(profiles=[with_victim.profile], by=SYSTEM)

    victim = point_ref(kind="email", value="victima@unica.ejemplo")
    assert not Suppression.scoped().filter(hmac__in=[each.hmac for each in victim.everything]).exists()


def test_an_address_that_another_source_of_the_person_carries_is_not_suppressed(zenobia: Contact, admin: Membership) -> None:
    correction = zenobia.profiles.get(identifiers__kind="phone", source="agent")

    erase(profiles=[correction], by=Actor.person(admin))

    assert not Suppression.scoped().exists()
    assert zenobia.profiles.get(channel__kind="whatsapp").identifiers.filter(kind="phone").exists()
