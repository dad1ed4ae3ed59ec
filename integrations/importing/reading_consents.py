"""A row of a list of consents as one line for the ledger."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from consent.importing import GrantRow
from consent.vocabulary import Action
from contacts.names import fold_name
from contacts.normalising import normal
from integrations.importing.cells import read_moment, read_phone
from integrations.importing.reading_people import Reader
from integrations.importing.rows import FileRow, Reason, RowRefused

# What lists say, folded: those that agree, those that took it back, and those who object to being written to at all.
AGREED = frozenset("grant granted agreed si yes y s true verdadero 1 x opt in optin in aceptado acepta acepto alta".split())
AGREED_PHRASES = frozenset(
    {"suscrito", "suscripto", "sim", "opt in", "opted in", "subscribed", "subscrito", "de alta", "inscrito", "aceito", "consentimiento"}
)
WITHDREW = frozenset(
    {
        *("withdraw", "withdrawn", "no", "n", "false", "falso", "0", "opt out", "opted out", "optout", "unsubscribed", "baja", "retirado"),
        *("de baja", "rechazado", "rechaza", "cancelado", "desinscrito", "nao", "descadastrado", "unsubscribe", "retira", "revocado"),
    }
)
OBJECTED = frozenset({"object", "objected", "objection", "opuesto", "se opone", "oposicion", "no contactar", "do not contact", "dnc"})
CHANNEL_WORDS = {"correo": "email", "mail": "email", "e mail": "email", "mensaje de texto": "sms", "telefono": "voice", "llamada": "voice"}


@dataclass(frozen=True)
class ConsentRow:
    number: int
    key: UUID
    grant: GrantRow

    def shown(self) -> Iterator[tuple[str, str]]:
        """For the preview."""
        yield "address", self.grant.address
        yield "action", self.grant.action
        yield "purpose", self.grant.purpose
        yield "channel", self.grant.channel
        yield "at", self.grant.occurred_at.isoformat() if self.grant.occurred_at else ""


def read_consent(row: FileRow, reader: Reader) -> ConsentRow:
    """Raises ``RowRefused``. A moment that a withdrawal does not give is left to the ledger; a grant needs one."""
    values = reader.values(row)

    def one(target: str) -> tuple[str, str]:
        return next(iter(values.get(target, ())), ("", ""))

    column, address = one("address")
    if not address:
        raise RowRefused(Reason.MISSING)
    kind = "email" if "@" in address else "phone"
    if kind == "phone":
        address = read_phone(address, region=reader.region, column=column)
    elif normal("email", address, region=reader.region) is None:
        raise RowRefused(Reason.BAD_EMAIL, column=column, value=address)
    at_column, at = one("at")
    notice_column, notice = one("notice")
    if notice and not re.fullmatch(r"[0-9]{1,6}", notice):
        raise RowRefused(Reason.BAD_VALUE, column=notice_column, value=notice)
    channel = fold_name(one("channel")[1])
    proof = one("proof")[1]
    said = [kind, address, one("action")[1], one("purpose")[1], channel, at, notice, proof]
    key = reader.mark("consent", *said)
    grant = GrantRow(
        address=address,
        kind=kind,
        action=_action(*one("action")),
        occurred_at=read_moment(at, zone=reader.zone, column=at_column) if at else None,
        purpose=one("purpose")[1].strip().lower(),
        channel=CHANNEL_WORDS.get(channel, channel),
        proof={"text": proof[:500]} if proof else None,
        notice=int(notice) if notice else None,
        key=key.hex,
    )
    return ConsentRow(row.number, key, grant)


def _action(column: str, word: str) -> str:
    folded = " ".join(re.findall(r"[a-z0-9]+", fold_name(word) or word.strip().lower()))
    if folded in OBJECTED:
        return Action.OBJECT
    if folded in WITHDREW:
        return Action.WITHDRAW
    if folded in AGREED or folded in AGREED_PHRASES:
        return Action.GRANT
    raise RowRefused(Reason.BAD_WORD if word else Reason.MISSING, column=column, value=word)
