"""Letters of re-consent campaigns by the account's own mailbox."""

from datetime import timedelta
from uuid import NAMESPACE_URL, uuid5

from django.db import transaction
from django.utils import timezone

from accounts.models import Channel, ChannelKind
from accounts.scope import current_account_id
from consent.gate import Clearance, keep
from consent.models import Decision
from consent.reconsent_letters import Letter, LetterNotSent, LetterUnknown, register
from consent.vocabulary import Category, PurposeClass
from contacts.models import Identifier, IdentifierKind
from inbox.adapters import DeliveryError, OutcomeUnknown
from inbox.asking import ask
from inbox.sending import refusal_text
from integrations.channels.email import message_ids
from integrations.channels.email import sending as mail
from integrations.channels.email.composing import Draft
from integrations.channels.email.mailbox_settings import settings_of

# A mailbox that does not answer now is asked again after so long.
AGAIN_AFTER = timedelta(minutes=15)


def register_letters() -> None:
    """Called once when the apps are ready."""
    register(EmailLetters())


class EmailLetters:
    name = "email"
    reaches = frozenset({str(IdentifierKind.EMAIL)})

    def is_ready(self) -> bool:
        return Channel.scoped().filter(kind=ChannelKind.EMAIL, is_active=True).exists()

    def mailbox(self) -> str:
        return settings_of(_channel()).address

    def send(self, *, identifier: Identifier, letter: Letter) -> None:
        channel = _channel()
        clearance = _clear(channel, identifier, letter)
        settings = settings_of(channel)
        draft = Draft(
            # The same letter has the same id, whoever sends it twice.
            message_id=message_ids.own_message_id(
                uuid5(NAMESPACE_URL, f"hilo:{current_account_id()}:{letter.subject_key}"), domain=settings.domain
            ),
            recipient=identifier.value,
            subject=letter.title,
            body=letter.body,
            written_at=timezone.now(),
            is_automatic=True,
            headers=letter.headers,
        )
        clearance.require(letter.subject_key)
        try:
            mail.hand_over(draft, settings)
        except DeliveryError as error:
            raise LetterNotSent(error.text, None if error.permanent else timezone.now() + AGAIN_AFTER) from error
        except OutcomeUnknown as error:
            raise LetterUnknown from error


def _channel() -> Channel:
    return Channel.scoped().filter(kind=ChannelKind.EMAIL, is_active=True).select_related("account").order_by("pk")[0]


@transaction.atomic
def _clear(channel: Channel, identifier: Identifier, letter: Letter) -> Clearance:
    """The gate's word on the question itself: it promotes nothing, and honours suppressions, stops, pauses, hours and caps."""
    ruling = ask(
        channel=channel,
        identifier=identifier,
        by_person=False,
        purpose=str(PurposeClass.SERVICE),
        category=str(Category.OPT_IN_REQUEST),
        subject=letter.subject_key,
    )
    keep(ruling, stage=Decision.Stage.LEAVING)
    if not ruling.allowed:
        raise LetterNotSent(refusal_text(ruling.reason)[0], ruling.not_before if ruling.deferred else None)
    return Clearance(ruling)
