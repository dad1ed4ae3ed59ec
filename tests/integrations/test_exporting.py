"""Everything about a person, and nothing about anybody else, in one archive."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, AuditEntry, Membership
from contacts.correcting import correct_field
from contacts.erasing import erase
from contacts.exporting import export
from contacts.merging import Refused
from contacts.models import Contact, Profile
from inbox.conversations import add_note
from inbox.models import Attachment, Conversation, Message
from inbox.receiving import process_event, store_event
from tests.conftest import make_channel
from tests.inbox.wire import SETTINGS, envelope, text

pytestmark = pytest.mark.django_db
ANA, RAUL = "56987651234", "56911112222"


@pytest.fixture
def ana(scoped: Account, supervisor: Membership) -> Contact:
    whatsapp = make_channel(scoped, "whatsapp", "WhatsApp", settings=SETTINGS)
    for sender, wamid, body, name in (
        (ANA, "w1", "¿Tienen <b>sillas</b>?", "Ana Rojas"),
        (RAUL, "w2", "Soy Raúl", "Raúl Gómez"),
    ):
        event = store_event(channel=whatsapp, body=envelope(text(wamid, sender, body), name=name), context={})
        assert event is not None
        process_event(event_id=event.pk)
    by = Actor.person(supervisor)
    shown = Contact.scoped().get(profiles__address=ANA)
    correct_field(contact=shown, field="city", value="Temuco", by=by)
    add_note(conversation=Conversation.scoped().get(strands__profile__address=ANA), body="Prefiere la tarde", by=by)
    message = Message.scoped().get(provider_id="w1")
    for name, content in (("../../mi foto.JPG", b"foto"), ("perdida.pdf", b"x")):
        attachment = Attachment(message=message, state="stored", name=name)
        attachment.file.save(name, ContentFile(content))
    lost = Attachment.scoped().get(name="perdida.pdf")
    lost.file.storage.delete(str(lost.file.name))
    return shown


def test_the_archive_holds_all_of_hers_and_nothing_of_his(ana: Contact, admin: Membership) -> None:
    packed = io.BytesIO()

    export(profiles=list(ana.profiles.filter(corrects=None)), by=Actor.person(admin), to=packed)

    archive = zipfile.ZipFile(packed)
    assert archive.testzip() is None
    photo = Attachment.scoped().get(name__contains="foto")
    assert set(archive.namelist()) == {"data.json", "index.html", f"files/{photo.pk}.jpg"}
    assert archive.read(f"files/{photo.pk}.jpg") == b"foto"
    data = json.loads(archive.read("data.json"))
    assert [(row["direction"], row["text"]) for row in data["messages"]] == [
        ("in", "¿Tienen <b>sillas</b>?"),
        ("note", "Prefiere la tarde"),
    ]
    assert {row["field"]: row["value"] for row in data["values"]} == {"name": "Ana Rojas", "city": "Temuco"}
    assert {row["value"] for row in data["identifiers"]} == {ANA, f"+{ANA}"}
    lost = Attachment.scoped().get(name="perdida.pdf")
    assert data["missing_files"] == [f"files/{lost.pk}.pdf"]
    page = archive.read("index.html").decode()
    assert "¿Tienen &lt;b&gt;sillas&lt;/b&gt;?" in page
    assert "Lo que se dijo" in page
    assert "Raúl" not in page + archive.read("data.json").decode()
    assert AuditEntry.scoped().get(action="contact.export").target_id == ana.pk


def test_who_may_not_or_asks_for_several_gets_nothing(ana: Contact, supervisor: Membership) -> None:
    packed = io.BytesIO()
    with pytest.raises(PermissionDenied):
        export(profiles=list(ana.profiles.all()), by=Actor.person(supervisor), to=packed)
    with pytest.raises(Refused):
        export(profiles=list(Profile.scoped().filter(corrects=None)), by=SYSTEM, to=packed)
    erase(profiles=list(ana.profiles.all()), by=SYSTEM)
    with pytest.raises(Refused):
        export(profiles=list(ana.profiles.all()), by=SYSTEM, to=packed)
    assert packed.getvalue() == b""
    assert not AuditEntry.scoped().filter(action="contact.export").exists()


def test_the_command_writes_a_new_file_only(ana: Contact, tmp_path: Path) -> None:
    path = tmp_path / "ana.zip"
    call_command("export_person", ana.pk, account=ana.account.slug, to=path, language="en")
    assert "What was said" in zipfile.ZipFile(path).read("index.html").decode()
    before = path.read_bytes()
    with pytest.raises(CommandError, match="is there already"):
        call_command("export_person", ana.pk, account=ana.account.slug, to=path)
    assert path.read_bytes() == before
    with pytest.raises(CommandError, match="no such contact"):
        call_command("export_person", 10**9, account=ana.account.slug, to=tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()
