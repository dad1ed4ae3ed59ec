"""A row of another inbox's messages: what was said, when, by which side, in which of its conversations, and whose it is."""

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from contacts.claims import Claim
from contacts.names import fold_name
from contacts.normalising import normal
from inbox.models import Direction
from inbox.past_messages import PastMessage
from integrations.importing.cells import read_moment
from integrations.importing.reading_people import LONGEST_FIELD, PersonRow, Reader, read_identifiers
from integrations.importing.rows import FileRow, Reason, RowRefused

# What other inboxes call the two sides, folded.
RECEIVED = frozenset(
    "in inbound incoming received customer contact user visitor client cliente contacto usuario visitante entrante recibido recibida "
    "entrada end_user enduser lead requester solicitante recebida recebido".split()
)
SENT = frozenset(
    "out outbound outgoing sent agent admin operator team bot business salida saliente enviado enviada agente operador equipo empresa "
    "teammate reply respuesta enviados system sistema staff".split()
)
NOTED = frozenset("note nota internal interna interno private privada privado".split())
# A clock that runs ahead, and a time zone that was forgotten.
MOST_AHEAD = timedelta(hours=26)
# A mail of a million letters is not read by anybody.
LONGEST_TEXT = 200_000


@dataclass(frozen=True)
class MessageRow:
    """``key`` is the message in the other system, ``group`` its conversation there. ``agent_email`` is in lower case.

    ``person`` is whom the row names on the other side, if anybody.
    """

    number: int
    key: uuid.UUID
    group: uuid.UUID
    said: PastMessage
    agent_email: str
    person: PersonRow | None

    def shown(self) -> Iterator[tuple[str, str]]:
        """For the preview."""
        yield "text", self.said.body[:120]
        yield "at", self.said.occurred_at.isoformat(timespec="minutes")
        yield "direction", str(Direction(self.said.direction).label)
        if self.person is not None:
            yield "name", self.person.claim.given.get("name", "")
            for each in self.person.claim.identifiers:
                yield each.kind, each.raw


def read_message(row: FileRow, reader: Reader) -> MessageRow:
    """Raises ``RowRefused``."""
    values = reader.values(row)
    conversation, body = _text(values, "conversation"), _text(values, "body")
    at_column, at = _only(values, "at")
    if not conversation or not at or not (body or _text(values, "subject")):
        raise RowRefused(Reason.MISSING)
    if len(body) > LONGEST_TEXT:
        raise RowRefused(Reason.TOO_LONG)
    occurred_at = read_moment(at, zone=reader.zone, column=at_column)
    if occurred_at > timezone.now() + MOST_AHEAD:
        raise RowRefused(Reason.FROM_THE_FUTURE, column=at_column, value=at)
    agent_email = _text(values, "agent_email").lower()
    direction = _direction(values, agent_email)
    author, message_id = _text(values, "author"), _text(values, "message_id")
    said = [message_id] if message_id else [occurred_at.isoformat(), direction, author, body]
    return MessageRow(
        number=row.number,
        key=reader.mark("message", reader.source, conversation, *said),
        group=reader.mark("conversation", reader.source, conversation),
        said=PastMessage(
            direction=direction,
            occurred_at=occurred_at,
            body=body,
            subject=_text(values, "subject")[:300],
            author_name=author,
            said_on=_text(values, "said_on"),
        ),
        agent_email=agent_email,
        person=_person(row.number, values, reader, author if direction == Direction.IN else "", occurred_at),
    )


def _direction(values: Mapping[str, list[tuple[str, str]]], agent_email: str) -> str:
    column, word = _only(values, "direction")
    if not word and "direction" not in values:
        # A list without that column tells its agents by their email.
        return Direction.OUT if agent_email else Direction.IN
    folded = set(re.findall(r"[a-z_]+", fold_name(word) or word.lower()))
    for words, direction in ((NOTED, Direction.NOTE), (RECEIVED, Direction.IN), (SENT, Direction.OUT)):
        if folded & words:
            return direction
    raise RowRefused(Reason.BAD_WORD, column=column, value=word[:LONGEST_FIELD])


def _person(
    number: int, values: Mapping[str, list[tuple[str, str]]], reader: Reader, author: str, occurred_at: datetime
) -> PersonRow | None:
    """The same person for every row that gives the same id, or else the same first address, or else the same name."""
    told = {name: list(values.get(name, ())) for name in ("email", "phone", "whatsapp")}
    for column, text in values.get("address", ()):
        told["email" if "@" in text else "phone"].append((column, text))
    identifiers = read_identifiers(told, reader)
    name = _text(values, "name") or author
    if len(name) > LONGEST_FIELD:
        raise RowRefused(Reason.TOO_LONG, column="name")
    external_id = _text(values, "external_id")
    if not identifiers and not name:
        return None
    if external_id:
        who = ["id", external_id]
    elif identifiers:
        first = normal(identifiers[0].kind, identifiers[0].raw, region=reader.region)
        who = [identifiers[0].kind, first.key if first else identifiers[0].raw]
    else:
        who = ["name", fold_name(name)]
    key = reader.mark("person", reader.source, *who)
    claim = Claim(identifiers=tuple(identifiers), given={"name": name} if name else {})
    # What a later row says of the same person is not a later version of a record.
    return PersonRow(number=number, key=key, digest=key, claim=claim, occurred_at=occurred_at, has_id=True)


def _only(values: Mapping[str, list[tuple[str, str]]], target: str) -> tuple[str, str]:
    return next(iter(values.get(target, ())), ("", ""))


def _text(values: Mapping[str, list[tuple[str, str]]], target: str) -> str:
    return _only(values, target)[1]
