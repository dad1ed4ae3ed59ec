"""A lively inbox for the browser tests and for pictures of it: one person on four channels, and a list of others."""

import struct
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.utils import timezone

from accounts.models import Account, Channel, Membership
from contacts.models import Contact, Identifier, Profile
from contacts.survivorship import refresh
from inbox.counters import count_in
from inbox.models import Attachment, Conversation, Direction, Message, ReadMark, Strand
from tests.conftest import make_channel
from tests.inbox.people import ADDRESS_KINDS


def picture(width: int = 220, height: int = 150) -> bytes:
    """A small PNG: an evening sky, so that a picture in a thread looks like one."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b""
    for y in range(height):
        part = y / height
        sky = bytes((int(60 + 180 * part), int(80 + 70 * part), int(140 - 40 * part)))
        rows += b"\0" + (bytes((38, 58, 56)) if part > 0.78 else sky) * width
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


TEMPLATES = [
    {"name": "pedido_en_camino", "language": "es", "category": "utility", "body": "Hola {{1}}, el pedido {{2}} va en camino."},
    {"name": "seguimiento", "language": "es", "category": "utility", "body": "Hola {{1}}, ¿quedó todo resuelto?"},
]
OTHERS = [
    ("Juan Cárdenas", "email", "juan@factura.ejemplo", 18, "Factura 991: falta el RUT de la empresa", True),
    ("Ana Soto", "instagram", "1784112", 41, "¿Tienen el catálogo de primavera?", False),
    ("Francisco Rojas", "whatsapp", "56987650011", 70, "¿A qué hora cierran hoy la tienda de Providencia?", True),
    ("Teresa Muñoz", "whatsapp", "56987650012", 190, "Confirmado, muchas gracias", False),
    ("Roberto Díaz", "email", "roberto.diaz@ejemplo.cl", 60 * 26, "Adjunto la garantía del refrigerador", False),
    ("Valentina Herrera", "instagram", "1784113", 60 * 30, "Me llegó una talla equivocada", True),
    ("Camila Fuentes", "webchat", "0f7c2f3e-6f0e-4c55-9f4e-2b0a6b8d1c22", 60 * 50, "¿Hacen despacho a Chiloé?", False),
    ("Ignacio Vidal", "whatsapp", "56987650014", 60 * 74, "Perfecto, espero el correo entonces", False),
    ("Lucía Paredes", "email", "lucia@ejemplo.pe", 60 * 24 * 6, "Consulta por boleta duplicada", False),
]


@dataclass
class Story:
    channels: dict[str, Channel]
    maria: Conversation
    others: list[Conversation]


class Teller:
    """Writes people and messages ``minutes`` before now."""

    def __init__(self, account: Account) -> None:
        self.account, self.now = account, timezone.now()
        self.number = 0

    def at(self, minutes: float) -> datetime:
        return self.now - timedelta(minutes=minutes)

    def profile(self, channel: Channel, address: str, *, name: str = "", contact: Contact | None = None, minutes: float = 60) -> Profile:
        at = self.at(minutes)
        home = None
        if contact is None:
            contact = home = Contact.objects.create(born_at=at, last_seen_at=at)
        profile = Profile.objects.create(
            contact=contact,
            home=home,
            channel=channel,
            address=address,
            first_seen_at=at,
            last_seen_at=at,
            given={"name": name} if name else {},
            given_at={"name": at.isoformat()} if name else {},
        )
        kind = ADDRESS_KINDS[channel.kind]
        self.identifier(profile, kind, address, certainty="attested")
        return profile

    def identifier(self, profile: Profile, kind: str, value: str, *, certainty: str = "claimed") -> Identifier:
        at = profile.first_seen_at
        scope = f"channel:{profile.channel_id}" if kind in ("instagram", "visitor") else ""
        return Identifier.objects.create(
            profile=profile, kind=kind, raw=value, value=value, key=value, scope=scope, certainty=certainty, valid_from=at, last_seen_at=at
        )

    def open(self, profile: Profile, minutes: float, **fields: Any) -> Conversation:
        conversation = Conversation.objects.create(profile=profile, channel=profile.channel, last_message_at=self.at(minutes), **fields)
        Strand.objects.create(conversation=conversation, profile=profile)
        return conversation

    def say(self, conversation: Conversation, profile: Profile, minutes: float, body: str = "", **fields: Any) -> Message:
        self.number += 1
        strand = Strand.objects.get_or_create(conversation=conversation, profile=profile)[0]
        speaks = fields.get("direction", Direction.IN) in (Direction.IN, Direction.OUT)
        files = fields.pop("files", ())
        message = Message.objects.create(
            strand=strand,
            direction=fields.pop("direction", Direction.IN),
            body=body,
            channel=profile.channel if speaks else None,
            identifier=profile.identifiers.first() if speaks else None,
            provider_id=f"story-{profile.pk}-{self.number}" if speaks else "",
            occurred_at=self.at(minutes),
            **fields,
        )
        if speaks:
            count_in(conversation, message)
        for name, kind, content in files:
            attachment = Attachment(message=message, name=name, content_type=kind)
            if content is not None:
                attachment.file.save(name, ContentFile(content), save=False)
                attachment.size, attachment.state = len(content), Attachment.State.STORED
            attachment.save()
        return message


def make_channels(account: Account) -> dict[str, Channel]:
    names = {"whatsapp": "WhatsApp Ventas", "instagram": "@andes.calzado", "email": "hola@andes.ejemplo", "webchat": "tienda.andes.ejemplo"}
    settings = {"whatsapp": {"phone_number_id": "1", "templates": TEMPLATES}}
    return {kind: make_channel(account, kind, name, settings=settings.get(kind, {})) for kind, name in names.items()}


def tell(account: Account, agent: Membership, teammate: Membership) -> Story:
    """Fill the inbox of ``account``, whose scope is entered."""
    channels = make_channels(account)
    teller = Teller(account)
    maria = _maria(teller, channels, agent, teammate)
    others = []
    for name, kind, address, minutes, line, waits in OTHERS:
        profile = teller.profile(channels[kind], address, name=name, minutes=minutes + 30)
        assignee = agent if waits else (teammate if len(others) % 2 else None)
        conversation = teller.open(profile, minutes, assignee=assignee)
        teller.say(conversation, profile, minutes + 4, "Buenas tardes")
        if waits:
            teller.say(conversation, profile, minutes, line)
        else:
            teller.say(conversation, profile, minutes + 1, line)
            teller.say(
                conversation,
                profile,
                minutes,
                "Claro, lo reviso enseguida.",
                direction=Direction.OUT,
                author=teammate,
                author_kind="person",
                status="read",
            )
        others.append(conversation)
        if not waits:
            ReadMark.objects.create(conversation=conversation, membership=agent, read_at=teller.at(minutes))
        refresh([profile.contact_id])
    return Story(channels, maria, others)


def _maria(teller: Teller, channels: dict[str, Channel], agent: Membership, teammate: Membership) -> Conversation:
    day = 60 * 24
    web = teller.profile(channels["webchat"], "5b1d7d0c-0000-4000-8000-000000000001", name="María Pérez", minutes=9 * day)
    contact = web.contact
    teller.identifier(web, "email", "maria.perez@ejemplo.cl")
    mail = teller.profile(channels["email"], "maria.perez@ejemplo.cl", name="María Pérez", contact=contact, minutes=day)
    phone = teller.profile(channels["whatsapp"], "56981234567", name="María", contact=contact, minutes=40)
    teller.identifier(phone, "phone", "+56981234567", certainty="attested")
    insta = teller.profile(channels["instagram"], "178411200", contact=contact, minutes=2 * day)
    conversation = teller.open(web, 2, assignee=agent, subject="Pedido 48211")
    ours = {"direction": Direction.OUT, "author": agent, "author_kind": "person"}
    teller.say(conversation, web, 9 * day, "Hola, ¿tienen el modelo Andes en 38?")
    teller.say(
        conversation,
        web,
        9 * day - 3,
        direction=Direction.EVENT,
        kind="bot",
        author_kind="bot",
        payload={"why": "done", "name": "María Pérez", "email": "maria.perez@ejemplo.cl", "reason": "Talla 38 del modelo Andes"},
    )
    teller.say(conversation, web, 9 * day - 4, direction=Direction.EVENT, kind="assigned", author=teammate, payload={"to": str(agent)})
    teller.say(conversation, web, 9 * day - 20, "Sí, quedan dos pares. Te dejo uno apartado.", status="delivered", **ours)
    teller.say(
        conversation,
        insta,
        2 * day,
        "Miren cómo me quedaron 😍",
        kind="image",
        files=[("foto.png", "image/png", picture())],
        reactions={"contact": "❤️"},
    )
    teller.say(
        conversation,
        mail,
        day,
        "Adjunto la boleta. El pedido debía llegar el martes y el rastreo no cambia desde el lunes.\n\nEl lun, Andes escribió:\n> Su pedido 48211 salió",  # noqa: E501
        folded="El lun, Andes escribió:\n> Su pedido 48211 salió",
        html="<p>Adjunto la boleta.</p><blockquote>El lun…</blockquote>",
        payload={"subject": "Re: Pedido 48211"},
        files=[("boleta-48211.pdf", "application/pdf", b"%PDF-1.4 " + b"0" * 186_000)],
    )
    teller.say(
        conversation,
        mail,
        day - 11,
        "Bodega dice que sale hoy. ¿Le confirmas tú?",
        direction=Direction.NOTE,
        kind="note",
        author=teammate,
        author_kind="person",
    )
    teller.say(conversation, mail, day - 12, direction=Direction.EVENT, kind="resolved", author=teammate)
    teller.say(conversation, mail, day - 13, direction=Direction.EVENT, kind="reopened", author=teammate)
    teller.say(conversation, mail, day - 14, direction=Direction.EVENT, kind="assigned", author=teammate, payload={"to": str(agent)})
    teller.say(conversation, phone, 34, "Buenas, soy María, la del pedido 48211")
    teller.say(
        conversation,
        phone,
        30,
        "Hola, María. Ya vi tu correo con la boleta. El pedido sale hoy y llega mañana antes de las 18:00.",
        status="read",
        **ours,
    )
    teller.say(
        conversation,
        phone,
        24,
        "¿Te sirve que lo dejen en conserjería?",
        status="failed",
        problem={"code": "131026", "text": "El número no tiene WhatsApp", "permanent": True},
        **ours,
    )
    teller.say(conversation, phone, 3, "¿Entonces llega mañana? Les mandé la boleta por correo")
    teller.say(
        conversation,
        phone,
        2,
        kind="location",
        payload={"latitude": -33.0458, "longitude": -71.6197, "name": "Plaza Sotomayor", "address": "Valparaíso"},
    )
    ReadMark.objects.create(conversation=conversation, membership=agent, read_at=teller.at(10))
    refresh([contact.pk])
    return conversation
