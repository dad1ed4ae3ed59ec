"""The demo's two businesses: who works there, and the channels they own."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accounts.actors import Actor
from accounts.models import Account, Channel, Membership, User
from accounts.opening import open_account
from accounts.roles import Role
from accounts.scope import account_scope
from config.demo.logins import PASSWORD
from integrations.connecting import connect_channel, update_channel

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Business:
    """What is known of an account before its history begins."""

    slug: str
    name: str
    stories: str
    unified: bool
    people: int
    conversations: int
    team: Mapping[str, tuple[str, str]]
    channels: Mapping[str, str]

    @property
    def mailbox(self) -> str:
        return f"hola@{self.slug}.example"


TEAM = {
    "agente@andes.example": ("Laura Vidal", Role.AGENT),
    "diego@andes.example": ("Diego Fuentes", Role.AGENT),
    "supervisora@andes.example": ("Sofía Araya", Role.SUPERVISOR),
    "admin@andes.example": ("Ana Contreras", Role.ADMIN),
}
BUSINESSES = (
    Business(
        slug="andes",
        name="Tienda Andes",
        stories="tienda",
        unified=True,
        people=200,
        conversations=1000,
        team=TEAM,
        channels={
            "whatsapp": "WhatsApp tienda",
            "instagram": "Instagram @tienda.andes",
            "email": "Correo hola@andes.example",
            "webchat": "Chat de la web",
        },
    ),
    Business(
        slug="plaza",
        name="Clínica Plaza",
        stories="clinica",
        unified=False,
        people=100,
        conversations=500,
        team=TEAM,
        channels={
            "whatsapp": "WhatsApp clínica",
            "instagram": "Instagram @clinica.plaza",
            "email": "Correo hola@plaza.example",
            "webchat": "Chat de pacientes",
        },
    ),
)
TEMPLATES = [
    {
        "name": "seguimiento_pedido",
        "language": "es",
        "body": "Hola {{1}}, te escribimos por tu consulta. ¿Podemos seguir por aquí?",
        "category": "utility",
    },
    {"name": "aviso_listo", "language": "es", "body": "Hola {{1}}, {{2}} ya está listo.", "category": "utility"},
]


def open_business(business: Business) -> Account:
    """The account with its team. People are shared: one login shows both accounts."""
    account = open_account(
        name=business.name, slug=business.slug, unification_enabled=business.unified, timezone="America/Santiago", default_region="CL"
    )
    with account_scope(account):
        for email, (name, role) in business.team.items():
            user = User.objects.filter(email=email).first() or User.objects.create_user(email=email, password=PASSWORD, name=name)
            Membership.objects.create(user=user, role=role)
    return account


def connect_channels(business: Business, *, simulator_port: int) -> dict[str, Channel]:
    """Kind → channel, pointed at the simulator. Runs in the account's scope, as its administrator."""
    admin = Actor.person(Membership.objects.select_related("user").get(role=Role.ADMIN))
    number = 100000000000000 + sum(map(ord, business.slug))
    own: dict[str, dict[str, Any]] = {
        "whatsapp": {
            "phone_number_id": str(number),
            "access_token": secrets.token_urlsafe(24),
            "app_secret": secrets.token_hex(16),
            "templates": TEMPLATES,
        },
        "instagram": {"ig_user_id": f"178{number}", "access_token": secrets.token_urlsafe(24), "app_secret": secrets.token_hex(16)},
        "email": {
            "address": business.mailbox,
            "from_name": business.name,
            "imap_host": HOST,
            "imap_security": "none",
            "imap_user": business.mailbox,
            "imap_password": secrets.token_urlsafe(18),
            "smtp_host": HOST,
            "smtp_security": "none",
            "smtp_user": business.mailbox,
        },
        # The bot asks who writes; the form would ask once more.
        "webchat": {"form": "off"},
    }
    own["email"]["smtp_password"] = own["email"]["imap_password"]
    return {
        kind: connect_channel(kind=kind, name=name, settings={**own[kind], **addresses(kind, simulator_port=simulator_port)}, by=admin)
        for kind, name in business.channels.items()
    }


def addresses(kind: str, *, simulator_port: int) -> dict[str, Any]:
    """Where a channel of the kind finds the simulator: its API, and IMAP and SMTP on the two next ports."""
    if kind == "email":
        return {"imap_port": simulator_port + 1, "smtp_port": simulator_port + 2}
    return {"api_base": f"http://{HOST}:{simulator_port}/graph"} if kind in {"whatsapp", "instagram"} else {}


def point_at_simulator(*, simulator_port: int) -> None:
    """Follow the simulator to another port. Runs in the account's scope."""
    admin = Actor.person(Membership.objects.select_related("user").get(role=Role.ADMIN))
    for channel in Channel.objects.all():
        wanted = addresses(channel.kind, simulator_port=simulator_port)
        if any(channel.settings.get(name) != value for name, value in wanted.items()):
            update_channel(channel=channel, settings=wanted, by=admin)
