"""Hand one message to the SMTP server."""

import re
import smtplib
from email.message import EmailMessage

import structlog
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Channel
from inbox.adapters import DeliveryError, OutcomeUnknown, ProviderReceipt
from inbox.models import Direction, Message
from integrations.channels.email import message_ids
from integrations.channels.email.charsets import decode, one_line
from integrations.channels.email.composing import Draft, OutgoingFile, answer_subject, compose, wire_address
from integrations.channels.email.connecting import CannotConnect, open_smtp
from integrations.channels.email.mailbox_settings import MailboxSettings, settings_of

log = structlog.get_logger(__name__)
# What most servers take, encoded; larger ones are refused by a clear word of ours instead of theirs.
MAX_FILES_BYTES = 18 * 1024 * 1024
_AUTOMATIC_AUTHORS = frozenset({"bot", "system"})


def send(*, channel: Channel, message: Message) -> ProviderReceipt:
    """Send ``message`` to its identifier's address. A retry of the same outbound row carries the same Message-ID.

    Raises ``DeliveryError``, and ``OutcomeUnknown`` when the line broke after the whole mail was handed over.
    """
    settings = settings_of(channel)
    if message.identifier is None:
        raise DeliveryError(_("The address was removed meanwhile."), permanent=True)
    draft = _draft(channel, message, settings)
    answer = hand_over(draft, settings)
    log.info("email.sent", channel=channel.pk, message=message.pk)
    return ProviderReceipt(provider_id=message_ids.provider_id(draft.message_id), detail={"answer": answer})


def hand_over(draft: Draft, settings: MailboxSettings) -> str:
    """Write the mail and give it to the mailbox's server; returns the server's answer. Raises like ``send``."""
    try:
        mail = compose(draft, settings)
    except ValueError as error:
        raise DeliveryError(
            _("%(address)s is no address to which mail can be sent.") % {"address": draft.recipient}, permanent=True
        ) from error
    try:
        with open_smtp(settings) as client:
            return _hand_over(client, mail, sender=wire_address(settings.address), recipient=wire_address(draft.recipient))
    except CannotConnect as problem:
        raise DeliveryError(problem.text, permanent=False, code="connect", is_of_channel=problem.needs_a_person) from problem


def _draft(channel: Channel, message: Message, settings: MailboxSettings) -> Draft:
    answered = _answered(channel, message)
    known = answered.payload if answered is not None else {}
    matter = str(known.get("subject") or message.payload.get("subject") or message.strand.conversation.subject)
    if answered is not None:
        subject = answer_subject(matter)
    else:
        subject = matter or _("Message from %(name)s") % {"name": settings.from_name or channel.name}
    return Draft(
        message_id=message_ids.own_message_id(message.outbound.key, domain=settings.domain),
        recipient=message.identifier.value if message.identifier else "",
        subject=subject,
        body=message.body,
        written_at=timezone.now(),
        answers=_id_of(answered) if answered is not None else "",
        references=tuple(str(found) for found in (*(known.get("references") or ()), *(message.payload.get("references") or ()))),
        is_automatic=message.author_kind in _AUTOMATIC_AUTHORS,
        headers=message.payload.get("headers") or {},
        footer=str(message.payload.get("footer") or ""),
        files=_files(message),
    )


def _answered(channel: Channel, message: Message) -> Message | None:
    """The mail that this one answers: the one that was named, else the last that came from this address in the conversation."""
    if message.reply_to is not None and message.reply_to.channel_id == channel.pk:
        return message.reply_to
    return (
        Message.scoped()
        .filter(strand=message.strand_id, channel=channel, identifier=message.identifier_id, direction=Direction.IN)
        .order_by("-occurred_at", "-id")
        .first()
    )


def _id_of(answered: Message) -> str:
    """The Message-ID that the other side knows; a mail that came without one cannot be named."""
    return str(answered.payload.get("message_id") or "") if answered.direction == Direction.IN else answered.provider_id


def _files(message: Message) -> tuple[OutgoingFile, ...]:
    attachments = message.attachments.all()
    if (attachments.aggregate(total=Sum("size"))["total"] or 0) > MAX_FILES_BYTES:
        text = _("The files together are larger than %(size)d MB, which mail servers do not take.") % {"size": MAX_FILES_BYTES // 1_048_576}
        raise DeliveryError(text, permanent=True, code="too_large")
    files = []
    for attachment in attachments.order_by("pk"):
        with attachment.file.open("rb") as opened:
            files.append(OutgoingFile(name=attachment.name, content_type=attachment.content_type, content=opened.read()))
    return tuple(files)


def _hand_over(client: smtplib.SMTP, mail: EmailMessage, *, sender: str, recipient: str) -> str:
    """One SMTP transaction. Returns the server's answer."""
    written = mail.as_bytes()
    options = [f"size={len(written)}"] if client.has_extn("size") else []
    if not (sender + recipient).isascii():
        if not client.has_extn("smtputf8"):
            text = _("The mail server cannot write to %(address)s (it does not know SMTPUTF8).") % {"address": recipient}
            raise DeliveryError(text, permanent=True, code="smtputf8")
        options += ["SMTPUTF8", "BODY=8BITMIME"]
        client.command_encoding = "utf-8"
    try:
        _expect(250, *client.mail(sender, options))
        _expect(250, *client.rcpt(recipient))
        _expect(354, *client.docmd("DATA"))
        # The final dot leaves with the last bytes: while sending fails, the server cannot have the whole mail.
        client.send(re.sub(rb"(?m)^\.", b"..", written) + (b"" if written.endswith(b"\r\n") else b"\r\n") + b".\r\n")
    except (OSError, smtplib.SMTPException) as error:
        raise DeliveryError(_("The connection to the mail server broke."), permanent=False, code="connect") from error
    try:
        code, answer = client.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise OutcomeUnknown("The connection broke after the mail was handed over.") from error
    _expect(250, code, answer)
    return one_line(decode(answer))[:300]


def _expect(wanted: int, code: int, answer: bytes) -> None:
    if code == wanted or (wanted == 250 and code == 251):
        return
    said = one_line(decode(answer))[:300]
    enhanced = re.match(r"[245]\.\d{1,3}\.\d{1,3}", said)
    text = _("The mail server answered: %(answer)s") % {"answer": f"{code} {said}"}
    raise DeliveryError(text, permanent=500 <= code < 600, code=enhanced[0] if enhanced else str(code))
