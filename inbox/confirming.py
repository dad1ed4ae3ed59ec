"""Carries consent's own messages to the person: in their conversation, through the gate like any other."""

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Channel
from consent.confirmations import Letter
from inbox.adapters import adapter_for, registered_kinds
from inbox.announcements import ConversationChange, announce_conversation
from inbox.models import Conversation
from inbox.sending import SendingRefused, can_reach, send_message


def carry_letter(*, letter: Letter, by: Actor) -> str:
    """Registered with ``consent.confirmations``."""
    channel = _channel(letter)
    if channel is None:
        return _("No channel of yours reaches this address.")
    try:
        send_message(
            conversation=_conversation(letter, channel),
            channel=channel,
            identifier=letter.identifier,
            body=letter.text,
            by=by,
            client_key=letter.key,
            category=letter.category,
        )
    except SendingRefused as refused:
        return refused.text
    return ""


def _channel(letter: Letter) -> Channel | None:
    if letter.channel not in registered_kinds():
        return None
    adapter = adapter_for(letter.channel)
    found = Channel.scoped().filter(kind=letter.channel, is_active=True).order_by("pk")
    return next((channel for channel in found if can_reach(channel, adapter, letter.identifier)), None)


def _conversation(letter: Letter, channel: Channel) -> Conversation:
    """The latest one of the person, on this channel if there is one; otherwise a new one."""
    of_person = Conversation.scoped().filter(profile__contact=letter.identifier.profile.contact_id).order_by("-last_message_at", "-pk")
    found = of_person.filter(channel=channel).first() or of_person.first()
    if found is not None:
        return found
    made = Conversation.objects.create(profile=letter.identifier.profile, channel=channel, last_message_at=timezone.now())
    announce_conversation(made, ConversationChange.CREATED)
    return made
