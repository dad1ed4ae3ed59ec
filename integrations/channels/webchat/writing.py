"""What a visitor writes: a message, once, however often it is sent; a form, decided at once."""

import uuid
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Channel
from contacts.claims import Claim, ClaimedIdentifier
from contacts.matching import recognise
from contacts.models import IdentifierKind, Source
from contacts.names import is_placeholder
from contacts.normalising import clean, normal
from inbox.adapters import InboundFile, InboundMessage
from inbox.channel_health import note_activity
from inbox.learning import learn_in_thread
from inbox.models import Message
from inbox.receiving import receive
from integrations.channels.webchat.groups import tell_visitor
from integrations.channels.webchat.lines import add_to_line
from integrations.channels.webchat.visitors import Opened, address_of, is_somebody_else, make_visitor, remember_profile, standing_claim
from integrations.models import Visitor, VisitorMessage

LONGEST_TEXT = 4_000
LONGEST_NAME = 120


class MessageRefused(Exception):
    """The message was not taken and never will be: ``code`` is empty, too_long or id_taken."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Written:
    """Where the message stands in the visitor's line; ``is_new`` is false when it had been taken before."""

    message: Message
    sequence: int
    is_new: bool


def write(*, visitor: Visitor, message_id: uuid.UUID, text: str, files: tuple[InboundFile, ...] = (), page: str = "") -> Written:
    """Take one message; it is committed when this returns. The same id again gives the same answer. Raises ``MessageRefused``."""
    text = text.strip()
    if not text and not files:
        raise MessageRefused("empty")
    if len(text) > LONGEST_TEXT:
        raise MessageRefused("too_long")
    if known := _known(visitor, message_id):
        return known
    inbound = InboundMessage(
        provider_id=str(message_id),
        sender=address_of(visitor),
        occurred_at=timezone.now(),
        claim=standing_claim(visitor),
        kind="image" if files else "text",
        body=text,
        payload={"page": page[:500]} if page else {},
        files=files,
    )
    with transaction.atomic():
        message = receive(channel=visitor.channel, inbound=inbound)
        if message is not None:
            sequence = add_to_line(visitor=visitor, message=message)
            remember_profile(visitor, message.strand.profile)
            tell_visitor(visitor.pk, "lines")
            note_activity(visitor.channel, at=inbound.occurred_at)
            return Written(message, sequence, is_new=True)
    # Another tab was faster with the same message; or the id is another visitor's, of which nothing is told.
    if known := _known(visitor, message_id):
        return known
    raise MessageRefused("id_taken")


def _known(visitor: Visitor, message_id: uuid.UUID) -> Written | None:
    row = (
        VisitorMessage.scoped()
        .select_related("message")
        .filter(visitor=visitor, message__channel=visitor.channel_id, message__provider_id=str(message_id))
        .first()
    )
    return Written(row.message, row.sequence, is_new=False) if row else None


@dataclass(frozen=True)
class ContactForm:
    """Name, email and phone in the spelling that was typed, each valid or empty; at least one way to answer."""

    name: str
    email: str
    phone: str

    @classmethod
    def read(cls, *, channel: Channel, name: str, email: str, phone: str) -> "ContactForm":
        """Raises ``ValidationError`` keyed by field, in the active language."""
        region = channel.account.default_region
        name, email, phone = clean(name)[:LONGEST_NAME], clean(email), clean(phone)
        errors: dict[str, str] = {}
        if name and is_placeholder(name):
            errors["name"] = _("Write your name.")
        if email and normal(IdentifierKind.EMAIL, email, region=region) is None:
            errors["email"] = _("This is not an email address. It looks like name@example.com.")
        if phone and normal(IdentifierKind.PHONE, phone, region=region) is None:
            errors["phone"] = _("This is not a phone number. Write it with the area code.")
        if not email and not phone:
            errors["email"] = _("Leave an email or a phone, so that we can answer you.")
        if errors:
            raise ValidationError(errors)
        return cls(name, email, phone)

    def claim(self) -> Claim:
        """What was typed: claimed, not proven."""
        pairs = ((IdentifierKind.EMAIL, self.email), (IdentifierKind.PHONE, self.phone))
        return Claim(
            identifiers=tuple(ClaimedIdentifier(kind, value) for kind, value in pairs if value),
            given={"name": self.name} if self.name else {},
        )


def submit_form(*, visitor: Visitor, form: ContactForm) -> Opened:
    """Learn what the visitor typed. Another person in the same browser becomes another visitor, whose line is empty."""
    opened = Opened(visitor)
    with transaction.atomic():
        if not visitor.external_id and is_somebody_else(visitor, name=form.name, email=form.email, phone=form.phone):
            opened = make_visitor(channel=visitor.channel, language=visitor.language)
        who = opened.visitor
        if who.profile is not None:
            recognition = learn_in_thread(
                profile=who.profile, claim=form.claim(), occurred_at=timezone.now(), source=Source.FORM, cause="webchat form"
            )
        else:
            recognition = recognise(
                channel=who.channel, address=address_of(who), claim=form.claim(), occurred_at=timezone.now(), cause="webchat form"
            )
        remember_profile(who, recognition.profile)
    return opened
