"""An outgoing mail, from the message that an agent or a bot wrote. Pure: no database, no network."""

import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime

from integrations.channels.email import html_text, message_ids
from integrations.channels.email.charsets import clean, one_line
from integrations.channels.email.headers import tidy_address
from integrations.channels.email.mailbox_settings import MailboxSettings, ascii_domain

_ANSWER = re.compile(r"^\s*((?:re|rv|res|resp|aw|fw|fwd|enc)\s*(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)
_MOST_REFERENCES = 12
UNSUBSCRIBE_HEADERS = ("List-Unsubscribe", "List-Unsubscribe-Post")
_LONGEST_ID = 900  # a header line may have 998 characters


@dataclass(frozen=True)
class OutgoingFile:
    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Draft:
    """What one outgoing mail says. ``answers`` is the provider id of the mail it answers, ``references`` of those before it."""

    message_id: str
    recipient: str
    subject: str
    body: str
    written_at: datetime
    answers: str = ""
    references: tuple[str, ...] = ()
    is_automatic: bool = False
    # Bulk mail says how to get no more of it: List-Unsubscribe, List-Unsubscribe-Post; and from where it comes.
    headers: Mapping[str, str] = field(default_factory=dict)
    footer: str = ""
    files: tuple[OutgoingFile, ...] = field(default_factory=tuple)


def answer_subject(subject: str) -> str:
    """``Re:`` once, whatever chain of marks in whatever language stands there already."""
    plain = _ANSWER.sub("", one_line(subject)).strip()
    return f"Re: {plain}" if plain else "Re:"


def wire_address(address: str) -> str:
    """The address with its domain in ASCII. Raises ``ValueError`` for what is no address."""
    local, _, domain = tidy_address(address).rpartition("@")
    if not local or address != address.strip():
        raise ValueError(f"{address!r} is no address")
    return f"{local}@{ascii_domain(domain)}"


def compose(draft: Draft, settings: MailboxSettings) -> EmailMessage:
    """The mail, ready to be written out. Raises ``ValueError`` for an address that is none."""
    sender, recipient = wire_address(settings.address), wire_address(draft.recipient)
    needs_utf8 = not (sender + recipient).isascii()
    mail = EmailMessage(policy=(SMTPUTF8 if needs_utf8 else SMTP).clone(cte_type="7bit"))
    mail["Message-ID"] = f"<{draft.message_id}>"
    mail["Date"] = format_datetime(draft.written_at)
    mail["From"] = mail["Reply-To"] = _mailbox(one_line(settings.from_name), sender)
    mail["To"] = _mailbox("", recipient)
    mail["Subject"] = one_line(draft.subject)
    if draft.answers and _is_id(draft.answers):
        mail["In-Reply-To"] = draft.answers
    chain = [identifier for identifier in (*draft.references, draft.answers) if _is_id(identifier)][-_MOST_REFERENCES:]
    token = f"<{message_ids.reply_token(draft.message_id)}>"
    mail["References"] = " ".join(dict.fromkeys([*chain, token]))
    if draft.is_automatic:
        mail["Auto-Submitted"] = "auto-replied"
        mail["X-Auto-Response-Suppress"] = "All"
    for name in UNSUBSCRIBE_HEADERS:
        if draft.headers.get(name):
            mail[name] = one_line(draft.headers[name])
    text = clean(draft.body).strip("\n") + "\n"
    if draft.footer:
        text += f"\n-- \n{clean(draft.footer).strip()}\n"
    mail.set_content(text)
    mail.add_alternative(f"<!doctype html><html><body>{_linked(html_text.from_text(text))}</body></html>", subtype="html")
    for file in draft.files:
        _attach(mail, file)
    return mail


def _mailbox(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local, domain=domain)


def _attach(mail: EmailMessage, file: OutgoingFile) -> None:
    kind = file.content_type or mimetypes.guess_type(file.name)[0] or ""
    main, _, sub = kind.partition("/")
    if not re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]+", kind) or main in {"multipart", "message"}:
        main, sub = "application", "octet-stream"
    mail.add_attachment(file.content, maintype=main, subtype=sub, filename=one_line(file.name) or None)


def _is_id(identifier: str) -> bool:
    """Whether the other side can know it: our stand-ins for missing ids stay here."""
    is_one = re.fullmatch(r"<[\x21-\x3b\x3d\x3f-\x7e]+>", identifier) is not None and len(identifier) < _LONGEST_ID
    return is_one and not identifier.endswith(message_ids.STAND_IN_ENDINGS)


def _linked(html: str) -> str:
    """Web addresses as links; the text is escaped already."""
    return re.sub(r"(https?://[^\s<>\"']{3,2000}[^\s<>\"'.,;:!?)])", r'<a href="\1">\1</a>', html)
