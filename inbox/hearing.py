"""What a received message says about being written to: recorded at once, told in the thread, answered with one confirmation."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.actors import BOT
from accounts.models import Account
from consent.fingerprints import point_of
from consent.hearing import hear_message
from consent.opt_words import Sense, speaks_of_order
from consent.own_words import help_text, language_for
from consent.sending_rules import sending_rules
from consent.vocabulary import Category
from contacts.matching import Recognition
from inbox.adapters import InboundMessage
from inbox.models import Conversation, Direction, Message
from inbox.sending import SendingRefused, send_message
from inbox.thread_events import EventKind, tell_thread

# What is told in the thread; what the bot leaves to the confirmation.
TOLD = (Sense.STOP, Sense.STOP_MARKETING, Sense.START, Sense.ASK, Sense.HINT)
ANSWERED_AS_SUCH = ("stop", "stop_marketing", "start", "ask", "help")
# An order that was talked about lately is what "cancel" means.
LATELY = timedelta(hours=48)
MOST_READ = 20
# A confirmation belongs to the word it answers: in the United States within five minutes (47 CFR 64.1200(a)(12)).
AT_ONCE = timedelta(minutes=5)


def hear(*, message: Message, inbound: InboundMessage, recognition: Recognition, conversation: Conversation) -> None:
    """Record what the message says; its trouble is the message's, which is then taken again."""
    identifier = recognition.identifier
    if identifier is None or message.channel is None:
        return
    heard = hear_message(
        ref=point_of(identifier),
        profile=recognition.profile,
        channel=message.channel.kind,
        channel_id=message.channel.pk,
        body=message.body,
        subject=inbound.subject,
        occurred_at=inbound.occurred_at,
        key=f"message:{message.pk}",
        certainty=identifier.certainty,
        about_order=lambda: _about_order(message, conversation),
    )
    if heard.sense is Sense.HELP and sending_rules().help_is_answered:
        message.payload["heard"] = {"sense": str(heard.sense), "word": heard.word, "language": heard.language}
        message.save(update_fields=["payload"])
    if heard.sense in TOLD:
        message.payload["heard"] = {"sense": str(heard.sense), "word": heard.word}
        message.save(update_fields=["payload"])
        tell_thread(strand=message.strand, kind=EventKind.OPTED, at=inbound.occurred_at, sense=str(heard.sense), word=heard.word)


def _about_order(message: Message, conversation: Conversation) -> bool:
    """Whether an order was talked about lately in the conversation."""
    lately = Message.scoped().filter(
        strand__conversation=conversation,
        direction__in=(Direction.IN, Direction.OUT),
        occurred_at__gt=message.occurred_at - LATELY,
    )
    said = lately.exclude(pk=message.pk).order_by("-occurred_at", "-pk").values_list("kind", "body")[:MOST_READ]
    return any(kind == "order" or speaks_of_order(body) for kind, body in said)


def confirm_heard(*, message: Message, conversation: Conversation, **_facts: Any) -> None:
    """Listener of ``inbox.announcements``: one answer to a word about messages, saying what was done, or asking what was meant.

    What arrives late (a history, an outage) is recorded and not answered, and neither is what asks for no automatic answer. A word
    for help is answered once a day in each conversation.
    """
    sense = message.payload.get("heard", {}).get("sense")
    if sense not in ANSWERED_AS_SUCH or message.channel is None or message.identifier is None:
        return
    if message.occurred_at < timezone.now() - AT_ONCE or message.payload.get("suppresses_replies"):
        return
    rules, account = sending_rules(), Account.objects.get(pk=message.account_id)
    key = f"heard:{message.pk}"
    if sense == Sense.HELP:
        written = str(message.payload["heard"].get("language", ""))
        text = help_text(account=account, rules=rules, language=language_for(message.strand.profile, account=account, written=written))
        # The same key is the same message: asking again on the same day brings no second one.
        key = f"help:{timezone.localdate(timezone=ZoneInfo(account.timezone)).isoformat()}"
    elif not rules.opt_out_is_confirmed:
        return
    else:
        with override(account.language):
            text = _answer(sense) % {"account": account.name}
    try:
        send_message(
            conversation=conversation,
            channel=message.channel,
            identifier=message.identifier,
            body=text,
            by=BOT,
            client_key=key,
            category=str(Category.STOP_CONFIRMATION) if sense == Sense.STOP else "",
        )
    except SendingRefused:
        # The stop holds; only the courtesy is missing.
        return


def _answer(sense: str) -> str:
    if sense == Sense.START:
        return _("Done: %(account)s may write to you here again. To stop, answer BAJA.")
    if sense == Sense.ASK:
        return _("Do you want to cancel your order, or to receive no more messages from %(account)s? For the latter, answer BAJA.")
    return _("Done: you will receive no more promotions from %(account)s here. If you change your mind, answer ALTA.")
