"""One mail as it lies in the mailbox → what it says. Pure: bytes in, dataclasses out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import Compat32
from typing import Any

from django.utils.translation import gettext

from contacts.claims import Address, Claim, ClaimedIdentifier
from contacts.models import Certainty, IdentifierKind
from inbox.adapters import Inbound, InboundMessage, UnreadableEvent
from integrations.channels.email import contents, folding, headers, html_text, machine_mail, message_ids, verdicts
from integrations.channels.email.charsets import clean, decode
from integrations.channels.email.headers import Mailbox

# A mail with more parts than any program writes was made to keep a parser busy; it is read as text.
_MOST_PARTS = 300
_MOST_REFERENCES = 30
# How far the sender's clock may be behind our server's before we take our server's time.
_PLAUSIBLE_DELAY = timedelta(hours=48)
_HEADERS_KEPT = 100


class _Bounded(Compat32):
    """Fields as they stand in the mail, up to a length: the structured ones raise, or take minutes, on hostile input."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[: headers.LONGEST]


_policy = _Bounded()


@dataclass(frozen=True)
class Mail:
    """A parsed mail with what the parser could not make of it."""

    message: Message
    is_whole: bool


def parse(
    raw: bytes, *, own_address: str, trusted_server: str, received_at: datetime, context: Mapping[str, Any], max_file_bytes: int
) -> list[Inbound]:
    """The message that a mail brings, or the outcomes of our own mails that a report tells; empty for a copy of our own mail.

    ``own_address`` is the channel's; ``trusted_server`` the authserv-id of its mail server, or empty. ``received_at`` is that
    server's time (UTC). ``context`` is what ``fetching`` stored beside the mail: ``size`` and ``cut`` for a mail of which only the
    beginning was fetched. Raises ``UnreadableEvent`` for what names no sender.
    """
    mail = read_mail(raw)
    try:
        return _interpret(mail, raw, own_address, trusted_server, received_at, context, max_file_bytes)
    except RecursionError:
        return _interpret(_as_text(raw), raw, own_address, trusted_server, received_at, context, max_file_bytes)


def read_mail(raw: bytes) -> Mail:
    """Parse, or read everything below the headers as text where the structure cannot be parsed."""
    if raw.lower().count(b"boundary=") > _MOST_PARTS:
        return _as_text(raw)
    try:
        return Mail(message_from_bytes(raw, policy=_policy), is_whole=True)
    except Exception:
        return _as_text(raw)  # the library's parser raises on some broken structures


def _as_text(raw: bytes) -> Mail:
    head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    try:
        read = BytesHeaderParser(policy=_policy).parsebytes(head + b"\n\n")
        fields = [(name, str(value)) for name, value in read.raw_items() if not name.lower().startswith(("content-", "mime-"))]
    except Exception:
        fields = _fields_by_hand(head)
    plain = Message()
    for name, value in fields:
        plain._headers.append((name, value))  # type: ignore[attr-defined]  # as read: setting a field would refuse odd ones
    plain.set_payload(body[: 4 * contents.MAX_TEXT].decode("utf-8", "surrogateescape"))
    return Mail(plain, is_whole=False)


def _fields_by_hand(head: bytes) -> list[tuple[str, str]]:
    lines = re.sub(r"\n[ \t]+", " ", decode(head)).split("\n")
    found = (line.partition(":") for line in lines[:500])
    return [(name.strip(), value.strip()) for name, colon, value in found if colon and re.fullmatch(r"[!-9;-~]{1,80}", name.strip())]


def _interpret(
    mail: Mail,
    raw: bytes,
    own_address: str,
    trusted_server: str,
    received_at: datetime,
    context: Mapping[str, Any],
    max_file_bytes: int,
) -> list[Inbound]:
    message = mail.message
    author = _author(message, own_address)
    if author is None:
        raise UnreadableEvent("The mail names no sender.")
    is_own = _same(author.address, own_address)
    written_id = next(iter(headers.ids(message, "Message-ID")), "")
    own_id = message_ids.own_id_in(written_id)
    if is_own and own_id:
        return []
    occurred_at = _occurred_at(message, received_at)
    updates = machine_mail.reports(message, sender=author.address, occurred_at=occurred_at)
    if updates is not None:
        return list(updates)

    read = contents.read(message, max_file_bytes=max_file_bytes)
    if not mail.is_whole:
        read.left_out.append(gettext("The structure of this mail is broken; this is what could be read of it."))
    if context.get("cut"):
        size = int(context.get("size") or 0) // 1_048_576
        read.left_out.append(gettext("Only the beginning of this mail could be fetched (it has %(size)d MB).") % {"size": size})
    attested = verdicts.vouched_for(message, sender=author.address, server=trusted_server)
    nature = machine_mail.nature(message, sender=author.address)
    subject = headers.text_of(message, "Subject")
    recipients, copies = headers.mailboxes(message, "To"), headers.mailboxes(message, "Cc")
    fingerprint = _fingerprint(message, author, read)
    # What names one of ours but is not from us re-uses an id: it is another mail.
    provider_id = message_ids.provider_id(written_id) if written_id and not own_id else _stand_in(message, raw, read)
    correspondent = author
    if is_echo := is_own and attested:
        correspondent = next((other for other in recipients + copies if not _same(other.address, own_address)), author)
    notices = [f"[{notice}]" for notice in dict.fromkeys(read.left_out)]
    text = read.text
    return [
        InboundMessage(
            provider_id=provider_id,
            sender=Address(kind=IdentifierKind.EMAIL, value=correspondent.address),
            occurred_at=occurred_at,
            claim=_claim(correspondent, attested=attested and not is_echo),
            body="\n\n".join(part for part in (text, *notices) if part),
            html=_with_notices(read.html, notices),
            folded=folding.quoted_part(text),
            subject=subject[:300],
            payload={
                "subject": subject[:300],
                "message_id": provider_id if written_id and not own_id else "",
                "references": [message_ids.provider_id(found) for found in headers.ids(message, "References")[-_MOST_REFERENCES:]],
                "from": _pairs([author])[0],
                "to": _pairs(recipients),
                "cc": _pairs(copies),
                "reply_to": _pairs(headers.mailboxes(message, "Reply-To")),
                "list": headers.text_of(message, "List-Id")[:200],
                "sender_is_attested": attested,
                "fingerprint": fingerprint,
                "left_out": list(dict.fromkeys(read.left_out)),
            },
            files=tuple(read.files),
            reply_to=_answered(message),
            reply_is_claimed=True,
            fingerprint=fingerprint,
            is_echo=is_echo,
            is_automatic=nature.is_automatic or (is_own and not is_echo),
            suppresses_replies=nature.suppresses_replies or is_own,
            raw={"headers": [[name, clean(decode_raw(value))[:2000]] for name, value in message.raw_items()][:_HEADERS_KEPT]},
        )
    ]


def decode_raw(value: Any) -> str:
    return decode(str(value).encode("utf-8", "surrogateescape"))


def _author(mail: Message, own_address: str) -> Mailbox | None:
    """Who wrote: From, except where that is only the pipe (our own form, a robot, a list) and another field names the person."""
    named = headers.mailboxes(mail, "From") or headers.mailboxes(mail, "Sender") or headers.mailboxes(mail, "Return-Path")
    if not named:
        return None
    author = named[0]
    list_address = next((found.removeprefix("mailto:") for found in headers.ids(mail, "List-Post")), "")
    if _same(author.address, own_address) or machine_mail.is_robot(author.address) or _same(author.address, list_address):
        answers = headers.mailboxes(mail, "X-Original-From") + headers.mailboxes(mail, "Reply-To")
        pipes = (own_address, list_address)
        people = [other for other in answers if not any(_same(other.address, pipe) for pipe in pipes)]
        return next((person for person in people if not machine_mail.is_robot(person.address)), author)
    return author


def _claim(person: Mailbox, *, attested: bool) -> Claim:
    certainty = Certainty.ATTESTED if attested else Certainty.CLAIMED
    identifier = ClaimedIdentifier(kind=IdentifierKind.EMAIL, raw=person.address, certainty=certainty)
    # Programs that know no name write the address, or its beginning, in its place. "Ana <ana@…>" is a name all the same.
    is_made_up = "@" in person.name or (person.name == person.address.partition("@")[0] and not person.name.istitle())
    return Claim(identifiers=(identifier,), given={"name": person.name} if person.name and not is_made_up else {})


def _answered(mail: Message) -> tuple[str, ...]:
    """Ids of what the mail may answer: of ours first, then In-Reply-To, then References from the last to the first."""
    written = headers.ids(mail, "In-Reply-To") + headers.ids(mail, "References")[::-1]
    ours = [message_ids.provider_id(found) for found in map(message_ids.own_id_in, written) if found]
    others = [message_ids.provider_id(found) for found in written if not found.startswith("hilo.t.")]
    return tuple(dict.fromkeys(ours + others))[:_MOST_REFERENCES]


def _occurred_at(mail: Message, received_at: datetime) -> datetime:
    """When it was written, as far as our server's clock agrees."""
    written = headers.date_of(mail)
    received_at = received_at.astimezone(UTC)
    return written if written is not None and received_at - _PLAUSIBLE_DELAY <= written <= received_at else received_at


def _fingerprint(mail: Message, author: Mailbox, read: contents.Contents) -> str:
    """Equal for every delivery of one mail: relays add headers, lists add a footer and a mark in the subject."""
    beginning = " ".join(read.text.split())[:500]
    return message_ids.digest(author.address.lower(), headers.raw_value(mail, "Date"), beginning)[:32]


def _stand_in(mail: Message, raw: bytes, read: contents.Contents) -> str:
    facts = [headers.raw_value(mail, name) for name in ("From", "To", "Date", "Subject")]
    facts += [read.text, *(message_ids.digest(str(file.content)) for file in read.files)]
    return message_ids.stand_in(*facts)


def _with_notices(html: str, notices: list[str]) -> str:
    return html + html_text.from_text("\n\n".join(notices)) if html and notices else html


def _pairs(people: list[Mailbox]) -> list[list[str]]:
    return [[person.name, person.address] for person in people[:50]]


def _same(one: str, other: str) -> bool:
    return bool(one) and one.casefold() == other.casefold()
