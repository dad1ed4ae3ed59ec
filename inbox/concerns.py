"""What the inbox wants to be known before two contacts are merged."""

from django.utils.translation import gettext as _

from contacts.concerns import Concern, register
from contacts.models import Contact
from inbox.models import Conversation, ConversationStatus


def open_conversations(ours: Contact, theirs: Contact) -> list[Concern]:
    """Both sides have an open conversation: they stay two, and the one active last gets the next message. One query."""
    found = Conversation.scoped().filter(status=ConversationStatus.OPEN, profile__contact__in=(ours, theirs))
    owners = list(found.order_by().values_list("profile__contact_id", flat=True))
    if len(set(owners)) < 2:
        return []
    text = _("Both have an open conversation (%(n)d in all). They stay apart; the next message goes to the one active last.")
    return [Concern("open_conversations", text % {"n": len(owners)})]


def register_concerns() -> None:
    register("open_conversations", open_conversations)
