"""One conversation turns out to be somebody else's: it goes to a new person, and everything else stays."""

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.roles import Ability, require
from contacts.merging import Refused, unmerge
from contacts.models import Contact, MergeEvent, Profile
from contacts.splitting import split_off
from inbox.conversations import current_strand, hold_conversation
from inbox.counters import recount
from inbox.live_updates import tell_account
from inbox.models import Conversation, Strand
from inbox.thread_events import EventKind, tell_thread


@transaction.atomic
def split_conversation(*, conversation: Conversation, by: Actor, reason: str = "") -> MergeEvent:
    """Give the conversation to a person of its own. The messages stay in it; the person's other conversations stay theirs.

    Where its profiles have no other conversation they are separated with all that they said of themselves; otherwise the new
    person starts with the addresses alone. Both are marked as never to be joined by themselves. Raises ``Refused`` where the
    person has nothing else (then there is nobody to split it from), ``PermissionDenied``.
    """
    require(by, Ability.MERGE_CONTACTS)
    locked = hold_conversation(conversation.pk)
    strands = list(Strand.scoped().filter(conversation=locked).select_related("profile__contact").order_by("pk"))
    profiles = [strand.profile for strand in strands]
    contact = profiles[0].contact
    elsewhere = Strand.scoped().filter(profile__in=profiles).exclude(conversation=locked)
    others = Profile.scoped().filter(contact=contact, corrects=None).exclude(pk__in=[profile.pk for profile in profiles])
    if not elsewhere.exists():
        if not others.exists():
            raise Refused(_("It is all that is known of this person: there is nobody to split it from."), code="nothing_left")
        return unmerge(contact=contact, profiles=profiles, by=by, reason=reason, cause="split")
    new, event = split_off(profiles=profiles, by=by, reason=reason)
    for strand in strands:
        strand.profile = new[strand.profile_id]
        strand.save(update_fields=["profile"])
    locked.profile = new.get(locked.profile_id, strands[-1].profile)
    locked.save(update_fields=["profile"])
    recount(locked)
    tell_thread(strand=current_strand(locked), kind=EventKind.SEPARATED, by=by, name=str(contact))
    tell_account(locked.account_id, "conversation", conversation=locked.pk)
    return event


def contact_of(conversation: Conversation) -> Contact:
    """Whose it is now."""
    return Contact.scoped().get(profiles=Conversation.scoped().values("profile").get(pk=conversation.pk)["profile"])
