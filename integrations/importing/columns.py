"""What the columns of a file may mean, and what each one most likely means."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from contacts.dates import read_date
from contacts.names import fold_name
from contacts.normalising import normal
from integrations.models.imports import Import

Kind = Import.Kind
# So many of the sample's values have to look like what is guessed.
ENOUGH = 0.6
SAMPLE = 50


@dataclass(frozen=True)
class Target:
    """What a column may be taken as. ``words`` are headings of it in Spanish, Portuguese and English, folded."""

    name: str
    label: Any
    words: frozenset[str]
    # Several columns may be this (two phone columns); otherwise the best one is.
    repeats: bool = False
    looks_like: Callable[[str, str], bool] | None = None


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split("|"))


def _is_email(value: str, region: str) -> bool:
    return "@" in value and normal("email", value.split(";")[0], region=region) is not None


def _is_phone(value: str, region: str) -> bool:
    return (
        bool(re.fullmatch(r"[+0-9()\s./\-]{7,20}(?:\.0)?", value))
        and read_date(value) is None
        and normal("phone", value.removesuffix(".0"), region=region) is not None
    )


def _is_date(value: str, _region: str) -> bool:
    return (
        bool(re.search(r"\d{4}", value)) and bool(re.search(r"[-/. ]", value)) and read_date(value.split("T")[0].split(" ")[0]) is not None
    )


def _is_national_id(value: str, region: str) -> bool:
    return bool(re.search(r"[-.]", value)) and normal("national_id", value, region=region) is not None


EXTERNAL_ID = Target(
    "external_id",
    _("Id in the other system"),
    _words("id|uid|uuid|codigo|code|external id|id externo|id cliente|cliente id|customer id|contact id|record id|registro|clave|folio"),
)
HILO_ID = Target("hilo_id", _("Contact number in Hilo"), _words("hilo id|hilo"))
NAME = Target(
    "name",
    _("Full name"),
    _words(
        "nombre completo|nombre y apellido|nombre y apellidos|nombres y apellidos|nome completo|full name|name|nombre|nome|cliente|contacto"
        "|contact|contato|razon social|display name"
    ),
)
GIVEN_NAME = Target(
    "given_name", _("Given name"), _words("nombres|primer nombre|first name|given name|nome proprio|nombre de pila|firstname|forename")
)
SURNAME = Target(
    "surname",
    _("Surname"),
    _words("apellido|apellidos|apellido paterno|apellido materno|sobrenome|last name|surname|family name|lastname"),
    repeats=True,
)
EMAIL = Target(
    "email",
    _("Email"),
    _words(
        "email|e mail|mail|correo|correo electronico|correos|direccion de correo|email address|e mail address|endereco de email"
        "|correo personal|correo trabajo|correo alternativo|email alternativo|email personal"
    ),
    repeats=True,
    looks_like=_is_email,
)
PHONE = Target(
    "phone",
    _("Phone"),
    _words(
        "telefono|telefonos|telefone|phone|phone number|fono|movil|celular|tel|mobile|mobile phone|cell|cell phone|numero de telefono|fone"
        "|telefono movil|telefono fijo|telefono celular|telefono trabajo|numero|telemovel|home phone|work phone|contacto telefonico"
    ),
    repeats=True,
    looks_like=_is_phone,
)
WHATSAPP = Target("whatsapp", "WhatsApp", _words("whatsapp|numero whatsapp|numero de whatsapp|whats|wsp|wasap|zap|wa"))
NATIONAL_ID = Target(
    "national_id",
    _("National id"),
    _words("rut|run|dni|cpf|cnpj|cuit|cuil|curp|rfc|cedula|cc|nit|nie|documento|national id|identificacion|numero de documento|ci|nif"),
    looks_like=_is_national_id,
)
CUSTOMER_NUMBER = Target(
    "customer_number",
    _("Customer number"),
    _words("numero de cliente|nro cliente|numero cliente|customer number|account number|numero do cliente|no cliente|cod cliente"),
)
COMPANY = Target("company", _("Company"), _words("empresa|compania|company|organizacion|organization|organizacao|org|negocio"))
CITY = Target("city", _("City"), _words("ciudad|cidade|city|comuna|distrito|localidad|municipio|town"))
STREET = Target("street", _("Street and number"), _words("calle|direccion|domicilio|endereco|rua|address|street|street address"))
POSTCODE = Target("postcode", _("Postcode"), _words("codigo postal|cp|cep|zip|zip code|postcode|postal code"))
COUNTRY = Target("country", _("Country"), _words("pais|country"))
LANGUAGE = Target("language", _("Language"), _words("idioma|lengua|language|lang"))
BIRTH_DATE = Target(
    "date_of_birth",
    pgettext_lazy("field", "Date of birth"),
    _words("fecha de nacimiento|nacimiento|fecha nacimiento|cumpleanos|birthday|birth date|date of birth|data de nascimento|dob|bday"),
)
SINCE = Target(
    "since",
    _("Known since"),
    _words(
        "fecha de alta|alta|creado|creado el|created|created at|fecha de creacion|fecha creacion|desde|cliente desde|data de cadastro|since"
    ),
)

AT = Target(
    "at",
    _("Date and time"),
    _words("fecha|fecha y hora|date|datetime|timestamp|at|enviado|sent at|created at|data|hora|when"),
    looks_like=_is_date,
)
CHANNEL = Target("channel", _("Channel"), _words("canal|channel|medio|origen"))
ADDRESS = Target(
    "address",
    _("Email or phone"),
    _words("correo|email|e mail|mail|telefono|phone|celular|contacto|address|direccion|destinatario|whatsapp"),
    looks_like=lambda value, region: _is_email(value, region) or _is_phone(value, region),
)
PURPOSE = Target("purpose", _("Purpose"), _words("proposito|finalidad|purpose|finalidade|motivo|tema"))
ACTION = Target(
    "action",
    _("Agreed or withdrew"),
    _words("accion|estado|decision|consentimiento|action|status|consent|opt in|optin|opt out|suscrito|subscribed|acepta|acao|situacao"),
)
PROOF = Target("proof", _("What proves it"), _words("prueba|evidencia|proof|evidence|fuente|source|prova|ip|formulario"))
NOTICE = Target("notice", _("Notice they saw"), _words("aviso|texto legal|notice|version|politica|aviso de privacidad"))

CONVERSATION = Target(
    "conversation",
    _("Conversation id"),
    _words(
        "conversation|conversation id|conversacion|id conversacion|conversa|ticket|ticket id|numero de ticket|chat|chat id|thread|thread id"
        "|caso|case|case id|numero de caso|id de la conversacion|id da conversa"
    ),
)
MESSAGE_ID = Target(
    "message_id",
    _("Message id"),
    _words("message id|id mensaje|id del mensaje|mensaje id|msg id|event id|id|uid|id da mensagem|comment id"),
)
DIRECTION = Target(
    "direction",
    _("Received or sent"),
    _words(
        "direccion|direction|sentido|tipo|type|direcao|author type|sender type|tipo de autor|tipo de remitente|from type|in out|inbound"
    ),
)
BODY = Target(
    "body",
    _("Text"),
    _words(
        "texto|text|mensaje|message|body|contenido|content|cuerpo|comment|comentario|mensagem|message text|texto del mensaje|plain body"
    ),
)
SUBJECT = Target("subject", _("Subject"), _words("asunto|subject|titulo|title|assunto|tema"))
SAID_ON = Target("said_on", _("Channel"), _words("canal|channel|medio|origen|channel type|tipo de canal|via|source"))
AUTHOR = Target(
    "author", _("Author"), _words("autor|author|remitente|sender|from|de|author name|sender name|nombre del autor|remetente|escrito por")
)
AGENT_EMAIL = Target(
    "agent_email",
    _("Email of the agent"),
    _words("agente|agent|agent email|correo agente|correo del agente|email agente|email del agente|operador|assignee|assignee email"),
)
CUSTOMER_ID = Target(
    "external_id",
    _("Customer's id in the other system"),
    _words("contact id|customer id|cliente id|id cliente|user id|requester id|id contacto|contacto id|hilo contact"),
)

PEOPLE = (
    EXTERNAL_ID,
    HILO_ID,
    NAME,
    GIVEN_NAME,
    SURNAME,
    EMAIL,
    PHONE,
    WHATSAPP,
    NATIONAL_ID,
    CUSTOMER_NUMBER,
    COMPANY,
    STREET,
    CITY,
    POSTCODE,
    COUNTRY,
    LANGUAGE,
    BIRTH_DATE,
    SINCE,
)
TARGETS: dict[str, tuple[Target, ...]] = {
    Kind.CONTACTS: PEOPLE,
    Kind.CONVERSATIONS: (
        CONVERSATION,
        MESSAGE_ID,
        AT,
        DIRECTION,
        BODY,
        SUBJECT,
        SAID_ON,
        AUTHOR,
        AGENT_EMAIL,
        CUSTOMER_ID,
        NAME,
        EMAIL,
        PHONE,
        WHATSAPP,
        ADDRESS,
    ),
    Kind.CONSENTS: (ADDRESS, PURPOSE, CHANNEL, ACTION, AT, PROOF, NOTICE),
}
# What every row of a kind has to say: without a column for it nothing of the file can be taken in.
NEEDED: dict[str, tuple[Target, ...]] = {Kind.CONVERSATIONS: (CONVERSATION, AT), Kind.CONSENTS: (ADDRESS, ACTION)}


KNOWN_WORDS = frozenset().union(*(target.words for targets in TARGETS.values() for target in targets))


def target_named(kind: str, name: str) -> Target | None:
    return next((target for target in TARGETS[kind] if target.name == name), None)


def guess(*, kind: str, headings: Sequence[str], sample: Sequence[Sequence[str]], region: str) -> list[str]:
    """What each column most likely means: by its heading first, then by what stands in it; empty where nothing speaks for anything.

    ``sample`` are some of the rows below the header.
    """
    targets = TARGETS[kind]
    scores: list[tuple[int, int, int, str]] = []
    for place, heading in enumerate(headings):
        values = [row[place].strip() for row in sample[:SAMPLE] if place < len(row) and row[place].strip()]
        for order, target in enumerate(targets):
            if score := _score(target, heading, values, region):
                scores.append((score, -order, -place, target.name))
    mapping = [""] * len(headings)
    used: set[str] = set()
    for _points, _order, before, name in sorted(scores, reverse=True):
        column = -before
        chosen = target_named(kind, name)
        assert chosen is not None
        if not mapping[column] and (chosen.repeats or name not in used):
            mapping[column] = name
            used.add(name)
    return _first_and_last(mapping)


def _score(target: Target, heading: str, values: Sequence[str], region: str) -> int:
    folded = heading_words(heading)
    by_name = 0
    if folded == target.name.replace("_", " "):
        by_name = 110
    elif folded in target.words:
        by_name = 100
    elif any(len(word) > 3 and word in folded.split() for word in target.words):
        by_name = 40
    if target.looks_like is None:
        return by_name
    if not values:
        return by_name
    alike = sum(target.looks_like(value, region) for value in values) / len(values)
    if alike >= ENOUGH:
        # A column full of addresses is one, whatever it is called.
        return by_name + 60
    return by_name if alike > 0 or by_name >= 100 else 0


def heading_words(heading: str) -> str:
    """The heading folded: ``Correo_Electrónico (1)`` is ``correo electronico``."""
    return fold_name(re.sub(r"[_\-.:/#()\[\]°º]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", heading)))


def _first_and_last(mapping: list[str]) -> list[str]:
    """Beside a column of surnames, the one that is called "name" holds given names."""
    if "surname" in mapping and "given_name" not in mapping and "name" in mapping:
        mapping[mapping.index("name")] = "given_name"
    return mapping


def names_columns(cells: Sequence[str]) -> bool:
    """Whether the row is beyond doubt the one that names the columns: two of its cells are headings that are known."""
    return sum(heading_words(cell) in KNOWN_WORDS for cell in cells if cell.strip()) > 1


def is_header(first: Sequence[str], *, region: str) -> bool:
    """Whether the first row names the columns: no cell of it is an address or a number, and not all of them are empty."""
    filled = [cell.strip() for cell in first if cell.strip()]
    return bool(filled) and not any(_is_email(cell, region) or _is_phone(cell, region) for cell in filled)
