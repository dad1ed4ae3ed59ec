"""Everything about a person in every room, erased: searched for in a dump, in the statistics, in Valkey and among the files."""

import base64
import io
import json
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from redis import Redis
from stdnum.cl import rut

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, Channel, Membership
from accounts.queueing import publish
from accounts.tokens import create_token
from consent.answering_requests import begin
from consent.answering_requests import carry_out as answer_request
from consent.evidence import read_evidence
from consent.models import ConsentEvent, Evidence, Purpose, RightsRequest
from consent.preferences import set_preferences
from consent.sealing import export_anchors, seal
from consent.taking_requests import take_request
from consent.verifying import verify
from consent.vocabulary import Action
from consent.witnessing import Statement, witness_grant
from contacts.building_block_keys import build_all
from contacts.correcting import add_identifier, correct_field
from contacts.erasing import erase
from contacts.marking import mark_shared
from contacts.merging import merge
from contacts.models import Contact, Identifier, Profile
from contacts.suggesting import suggest
from contacts.tasks import suggest_similar_people
from contacts.unification.switching import ask_for_preview
from contacts.unification.switching import carry_out as preview
from inbox.conversations import add_note
from inbox.models import Attachment, Conversation, InboundEvent, Message
from inbox.receiving import process_event, store_event
from integrations.cdp.receiving import process as take_customer_data
from integrations.cdp.sources import create_source
from integrations.exporting.running import ask as ask_for_export
from integrations.exporting.running import carry_out as carry_out_export
from integrations.models import Connection, CustomerDataMessage, Visitor
from integrations.syncing.connecting import connect
from tests.committed import db  # noqa: F401
from tests.conftest import client_for, make_channel
from tests.consent.people import say
from tests.consent.portal.conftest import Visitor as PortalVisitor
from tests.consent.portal.conftest import carrier  # noqa: F401
from tests.inbox.wire import SECRETS, SETTINGS, envelope, status, text
from tests.integrations.crm.conftest import shop, shop_settings  # noqa: F401
from tests.integrations.crm.shop import Shop
from tests.integrations.crm.steps import fill
from tests.integrations.importing.files import does, imported
from tests.integrations.provider import Provider
from tests.integrations.webhooks.conftest import receiver  # noqa: F401
from tests.integrations.webhooks.receiver import deliver_all, subscribe_to
from tests.traces import owner, spellings, tidy_up, traces_of

# What the story has to have filled, or the search would prove nothing.
EVERYWHERE = {
    "accounts_auditentry",
    "consent_historicalrightsrequest",
    "consent_portalproof, bytes, encrypted",
    "consent_portalsignin, bytes, encrypted",
    "consent_rightsrequest",
    "contacts_contact",
    "contacts_historicalcontact",
    "contacts_historicalidentifier",
    "contacts_historicalprofile",
    "contacts_historicalvaluemark",
    "contacts_identifier",
    "contacts_matchdecision",
    "contacts_mergeevent",
    "contacts_mergesuggestion",
    "contacts_profile",
    "contacts_valuemark",
    "files",
    "files, packed",
    "inbox_attachment",
    "inbox_conversation",
    "inbox_inboundevent, bytes",
    "inbox_message",
    "inbox_statusreceipt",
    "integrations_customerdatamessage",
    "integrations_customerevent",
    "integrations_customerrecord",
    "integrations_export",
    "integrations_externalrecord",
    "integrations_import",
    "integrations_importedrow",
    "integrations_importrun",
    "integrations_rejectedrow",
    "integrations_synclog",
    "integrations_visitor",
    "integrations_webhookattempt",
    "statistics of contacts_identifier",
    "statistics of contacts_profile",
    "statistics of inbox_message",
}
pytestmark = pytest.mark.usefixtures("db")
HOUSE = "hola@andes.ejemplo"


def _letters(count: int) -> str:
    return "".join(random.choices("bcdfghjklmnpqrstvwxyz", k=count))


class Someone:
    """Nobody else in the database is called so, is reached so, or says such things."""

    def __init__(self) -> None:
        tag = _letters(8)
        self.name = f"Ñu{tag}ía"
        self.surname = f"Quet{_letters(8)}"
        self.full = f"{self.name} {self.surname}"
        self.mail = f"{_letters(9)}@{_letters(9)}.ejemplo"
        self.digits = f"9{random.randint(30_000_000, 89_999_999)}"
        self.phone = f"56{self.digits}"
        number = str(random.randint(10_000_000, 19_999_999))
        self.rut = f"{number}-{rut.calc_check_digit(number)}"
        self.said, self.wrote, self.noted, self.street, self.proved, self.did, self.file = (f"pal{_letters(9)}" for _each in range(7))
        self.user = f"user{_letters(9)}"
        self.nick = f"nick{_letters(9)}"

    @property
    def spaced(self) -> str:
        return f"{self.digits[0]} {self.digits[1:5]} {self.digits[5:]}"

    @property
    def words(self) -> list[str]:
        spoken = [self.name, self.surname, self.mail, self.mail.split("@")[0], self.said, self.wrote, self.noted, self.street]
        spoken += [self.proved, self.did, self.file, self.user, self.nick]
        number = self.rut[:-2]
        return [*spoken, self.digits, self.spaced, self.rut, self.rut.replace("-", ""), f"{number[:2]}.{number[2:5]}.{number[5:]}"]


@dataclass
class House:
    """An account with a channel of each kind, and everybody who works there."""

    account: Account
    whatsapp: Channel
    mail: Channel
    chat: Channel
    supervisor: Membership
    admin: Membership


@pytest.fixture
def house(scoped: Account, supervisor: Membership, admin: Membership) -> House:
    return House(
        scoped,
        make_channel(scoped, "whatsapp", "WhatsApp", settings=SETTINGS, secrets=SECRETS),
        make_channel(scoped, "email", "Correo", settings={"address": HOUSE}),
        make_channel(scoped, "webchat", "Sitio"),
        supervisor,
        admin,
    )


def arrives(channel: Channel, body: bytes) -> None:
    event = store_event(channel=channel, body=body, context={})
    assert event is not None
    process_event(event_id=event.pk)
    event.refresh_from_db()
    assert event.state == InboundEvent.State.PROCESSED, event.error


def letter_from(someone: Someone) -> bytes:
    letter = EmailMessage()
    letter["From"], letter["To"] = f"{someone.full} <{someone.mail}>", HOUSE
    letter["Subject"], letter["Message-ID"] = f"Sobre {someone.wrote}", f"<{someone.nick}@{someone.mail.split('@')[1]}>"
    letter["Date"] = "Mon, 02 Mar 2026 15:00:00 +0000"
    letter.set_content(f"Hola, ñandú: {someone.wrote}. Mi RUT es {someone.rut}", cte="base64")
    letter.add_attachment(f"{someone.file} {someone.full}".encode(), maintype="image", subtype="png", filename=f"{someone.file}.png")
    return letter.as_bytes()


def writes_everywhere(someone: Someone, house: House) -> Contact:
    """By WhatsApp and by mail; the two are joined, corrected, noted, suggested, marked, previewed."""
    by, boss = Actor.person(house.supervisor), Actor.person(house.admin)
    arrives(house.whatsapp, envelope(text(f"in-{someone.nick}", someone.phone, f"Hola, {someone.said}"), name=someone.full))
    arrives(house.whatsapp, envelope(statuses=[status(f"out-{someone.nick}", "delivered", someone.phone)]))
    arrives(house.mail, letter_from(someone))
    by_phone = Profile.scoped().get(channel=house.whatsapp, address=someone.phone)
    by_mail = Profile.scoped().get(channel=house.mail, address=someone.mail)
    if by_mail.contact_id != by_phone.contact_id:
        merge(contacts=[by_mail.contact, by_phone.contact], by=by, reason=f"Lo dijo {someone.name}", evidence={"shared": someone.mail})
    contact = Contact.scoped().get(profiles=by_phone)
    correct_field(contact=contact, field="street", value=someone.street, by=by)
    correct_field(contact=contact, field="name", value=f"{someone.name} {someone.surname}", by=by)
    add_identifier(contact=contact, kind="phone", value=f"+56 {someone.spaced}", by=by)
    add_identifier(contact=contact, kind="national_id", value=someone.rut, by=by)
    conversation = Conversation.scoped().filter(strands__profile=by_phone)[0]
    add_note(conversation=conversation, body=f"{someone.name}: {someone.noted}", by=by)
    attachment = Attachment(message=Message.scoped().filter(strand__profile=by_phone)[0], state="stored", name=f"{someone.file}.jpg")
    attachment.file.save("foto.jpg", ContentFile(someone.file.encode()))
    other = Profile.scoped().exclude(contact=contact).filter(erased_at=None).first()
    if other is not None:
        low, high = sorted([by_phone, other], key=lambda profile: profile.pk)
        shared = {"comparison": "phone", "level": "x", "bits": 1, "left": f"+{someone.phone}", "right": someone.full}
        suggest(low=low, high=high, origin="dedup", probability=0.8, weight=3.0, evidence=[shared], conflicts=[])
    mark_shared(identifier=Identifier.scoped().filter(profile=by_phone, kind="phone")[0], by=by, reason=f"Lo usa {someone.name}")
    token = "5b1d7d0c-7d3f-4a56-8f3a-" + f"{random.randrange(16**12):012x}"
    identity = {"id": someone.user, "name": someone.full, "email": someone.mail}
    Visitor.objects.create(
        channel=house.chat, visitor_id=token, token_digest="x", profile=by_phone, external_id=someone.user, identity=identity
    )
    preview(run_id=ask_for_preview(account=house.account, by=boss).pk)
    build_all()
    contact.refresh_from_db()
    return contact


def agrees(someone: Someone, contact: Contact, house: House, post: Any) -> None:
    """Consents with proof, preferences, a visit to the portal, and requests by right, one of them answered with an archive."""
    by_phone = contact.profiles.get(channel=house.whatsapp)
    by_mail = contact.profiles.get(channel=house.mail)
    number = Identifier.scoped().select_related("profile").get(profile=by_phone, kind="whatsapp")
    statement = Statement(
        wording=f"Acepto, {someone.proved}",
        way="call",
        said_at=timezone.now() - timedelta(hours=1),
        heard_by="Sofía",
        note=someone.proved,
        file=SimpleUploadedFile(f"{someone.proved}.png", someone.proved.encode(), "image/png"),
    )
    purpose = Purpose.scoped().get(key="marketing")
    actor = Actor.person(house.supervisor)
    witness_grant(identifier=number, purpose=purpose, channel="whatsapp", statement=statement, key=someone.proved, by=actor)
    say(by_mail, Action.WITHDRAW, purpose="marketing", key=someone.mail, proof={"text": someone.proved, "name": someone.full})
    set_preferences(profile=by_phone, by=actor, language="pt")
    set_preferences(profile=by_phone, by=actor, language="es")
    visitor = PortalVisitor(house.account, post)
    visitor.comes_in(someone.mail)
    assert someone.street in visitor.get("data").content.decode() or someone.name in visitor.get("data").content.decode()
    PortalVisitor(house.account, post).asks(f"+{someone.phone}")
    fields = {"name": someone.full, "street": someone.street}
    take_request(contact=contact, kind=RightsRequest.Kind.RECTIFICATION, by=actor, is_verified=True, fields=fields)
    request, _new = take_request(contact=contact, kind=RightsRequest.Kind.ACCESS, by=actor, is_verified=True)
    begin(request=request, by=Actor.person(house.admin))
    answer_request(request_id=request.pk)
    request.refresh_from_db()
    assert "archive" in request.outcome
    seal()


def is_in_other_systems(someone: Someone, house: House, peer: Shop) -> None:
    """Customer data, imports (taken, rejected, and one that nobody ran), exports, a peer, webhooks, and answers of the API."""
    _source, key = create_source(name="Tienda", by=SYSTEM)
    traits = {"name": someone.full, "email": someone.mail, "nick": someone.nick}
    batch = [
        {"type": "identify", "userId": someone.user, "anonymousId": f"anon-{someone.user}", "traits": traits},
        {"type": "track", "event": f"Compró {someone.did}", "userId": someone.user, "properties": {"what": someone.did}},
        {"type": "group", "userId": someone.user, "traits": traits},
    ]
    basic = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
    answer = Client().post("/v1/batch", {"batch": batch}, "application/json", headers={"Authorization": basic})
    assert answer.status_code == 200
    for pk in CustomerDataMessage.scoped().filter(state="pending").order_by("pk").values_list("pk", flat=True):
        take_customer_data(message_id=pk)
    rows = f"Código;Nombre;Correo;Celular;Ciudad\nX{someone.nick};{someone.full};{someone.mail};+56 {someone.spaced};Talca\n"
    does("run", imported(rows, house.supervisor), house.supervisor)
    does("run", imported(rows.replace("Talca", "Arica"), house.supervisor), house.supervisor)
    rejected = f"Código;Nombre;Correo;Celular\nY;{someone.full};{someone.mail}(arroba);{someone.digits}\n"
    does("check", imported(rejected, house.supervisor), house.supervisor)
    does("run", imported(rejected.replace("Y;", "Z;"), house.supervisor), house.supervisor)
    imported(rows, house.supervisor, name=f"{someone.full} {someone.surname}.csv")
    imported(f"{someone.full};{someone.mail};{someone.spaced}\n", house.supervisor)
    for format in ("csv", "xlsx"):
        export = ask_for_export(kind="contacts", format=format, by=Actor.person(house.admin), q=someone.name)
        carry_out_export(run_id=export.pk)
    peer.add(name=someone.full, email=someone.mail, phone=f"+{someone.phone}")
    fill(Connection.scoped().get())
    deliver_all()
    token = create_token(membership=house.admin, name="prueba", by=Actor.person(house.admin))[1]
    contact = Contact.scoped().filter(name__contains=someone.surname)[0]
    api = Client(headers={"Authorization": f"Bearer {token}", "Idempotency-Key": someone.nick[:4]})
    api.patch(f"/api/v1/contacts/{contact.pk}/", {"fields": {"city": "Osorno"}}, "application/json")
    client_for(house.admin).get(f"/a/{house.account.slug}/contacts/?q={someone.name}")
    publish(suggest_similar_people, account_id=house.account.pk, profile_id=contact.profiles.all()[0].pk)


def fill_every_room(someone: Someone, house: House, post: Any, peer: Shop) -> Contact:
    contact = writes_everywhere(someone, house)
    agrees(someone, contact, house, post)
    is_in_other_systems(someone, house, peer)
    contact.refresh_from_db()
    return contact


# Where a message that others wrote lies, with its preview and what was told of it.
MENTIONED = {"inbox_message", "inbox_conversation", "integrations_webhookattempt"}


def test_no_byte_of_theirs_is_left_anywhere(
    house: House,
    carrier: Any,  # noqa: F811
    receiver: Provider,  # noqa: F811
    shop: Shop,  # noqa: F811
) -> None:
    subscribe_to(receiver)
    connect(kind="rest", name="Tienda", settings=shop_settings(shop), by=SYSTEM)
    neighbour, someone = Someone(), Someone()
    others = fill_every_room(neighbour, house, carrier, shop)
    contact = fill_every_room(someone, house, carrier, shop)
    mention = envelope(text(f"men-{neighbour.nick}", neighbour.phone, f"Su correo es {someone.mail}"), name=neighbour.full)
    arrives(house.whatsapp, mention)
    deliver_all()
    export_anchors(before=timezone.now() + timedelta(days=1))
    profiles = list(contact.profiles.all())
    proofs = [read_evidence(each) for each in Evidence.scoped().filter(key__profile__in=profiles)]
    tidy_up()
    before = traces_of([*someone.words, neighbour.said])
    assert not set(someone.words) - set(before)
    assert someone.proved in str(proofs)
    places = set().union(*(before[word] for word in someone.words))
    assert places >= EVERYWHERE, EVERYWHERE - places

    report = erase(profiles=profiles, by=Actor.person(house.admin))
    deliver_all()
    seal()
    tidy_up()

    left = traces_of([*someone.words, neighbour.said])
    assert neighbour.said in left
    assert {"inbox_message", "contacts_contact"} & left.pop(neighbour.said)
    for word in (someone.mail, someone.mail.split("@")[0]):
        assert left.pop(word) <= MENTIONED | {f"statistics of {table}" for table in MENTIONED}
    assert left == {}
    (mentioned,) = report.mentions
    assert Message.scoped().get(pk=mentioned["message"]).body == f"Su correo es {someone.mail}"
    assert {read_evidence(each) for each in Evidence.scoped().filter(key__profile__in=profiles)} == {None}
    assert neighbour.proved in str([read_evidence(each) for each in Evidence.scoped().filter(key__profile__contact=others)])
    assert verify().is_sound
    call_command("verify_ledger", account=house.account.slug)
    assert ConsentEvent.scoped().filter(profile__in=profiles).exclude(sequence=None).count() >= 3


def _in_a_row(word: str, account: Account) -> None:
    account.name = word
    account.save()


def _in_bytes(word: str, account: Account) -> None:
    letter = EmailMessage()
    letter.set_content(f"{'relleno ' * 9}{word}", cte="base64")
    channel = make_channel(account, "email")
    store_event(channel=channel, body=letter.as_bytes(), context={})


def _encrypted(word: str, account: Account) -> None:
    make_channel(account, "email", secrets={"word": word})


def _in_the_statistics(word: str, account: Account) -> None:
    """As a dump without them shows nothing: the rows are gone."""
    with owner() as conn:
        conn.execute("CREATE TABLE IF NOT EXISTS planted (word text)")
        conn.execute("INSERT INTO planted SELECT %s FROM generate_series(1, 50)", [word])
        conn.execute("ANALYZE planted")
        conn.execute("DELETE FROM planted")


def _in_a_session(word: str, account: Account) -> None:
    session = SessionStore()
    session["told"] = [word, "x" * 5000]
    session.save()


def _in_a_file(word: str, account: Account) -> None:
    (Path(settings.MEDIA_ROOT) / "nota").write_bytes(word.encode("utf-16-le"))


def _in_a_file_name(word: str, account: Account) -> None:
    (Path(settings.MEDIA_ROOT) / f"{word}.png").write_bytes(b"x")


def _in_an_archive(word: str, account: Account) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", json.dumps({"name": word}))
    (Path(settings.MEDIA_ROOT) / "archivo").write_bytes(packed.getvalue())


def _in_the_cache(word: str, account: Account) -> None:
    cache.set("planted", {"word": word}, 60)


def _in_a_key(word: str, account: Account) -> None:
    cache.set(f"planted:{word}", 1, 60)


def _in_a_task(word: str, account: Account) -> None:
    assert publish(suggest_similar_people, account_id=account.pk, profile_id=word)


def _in_a_set_elsewhere(word: str, account: Account) -> None:
    with Redis.from_url(settings.REDIS_URL.rpartition("/")[0] + "/9") as valkey:
        valkey.sadd("planted", word)
        valkey.expire("planted", 60)


PLANTS: dict[str, Callable[[str, Account], None]] = {
    "accounts_account": _in_a_row,
    "inbox_inboundevent, bytes": _in_bytes,
    "accounts_channel, bytes, encrypted": _encrypted,
    "statistics of planted": _in_the_statistics,
    "sessions": _in_a_session,
    "files": _in_a_file,
    "file names": _in_a_file_name,
    "files, packed": _in_an_archive,
    "valkey": _in_the_cache,
    "valkey keys": _in_a_key,
    "valkey, a task": _in_a_task,
    "valkey, a set": _in_a_set_elsewhere,
}


def test_whatever_is_planted_is_found(scoped: Account) -> None:
    planted = {place: f"Ñu{_letters(10)}ía" for place in PLANTS}
    assert traces_of(planted.values()) == {}
    for place, plant in PLANTS.items():
        plant(planted[place], scoped)
    try:
        found = traces_of(planted.values())
    finally:
        with owner() as conn:
            conn.execute("DROP TABLE IF EXISTS planted")
    for place, word in planted.items():
        assert place.partition(", a ")[0] in found.get(word, set()), place


def test_every_spelling_is_found() -> None:
    for content in (
        "ñandúñandú".encode().hex(),
        json.dumps("Ñandúñandú"),
        "Ñ%C3%A1",
        "nanduNANDU",
        base64.b64encode("..ñandúñandú".encode()).decode(),
    ):
        is_there = any(form in content.lower().encode() for form in spellings("Ñandúñandú"))
        assert is_there == (content != "Ñ%C3%A1"), content
