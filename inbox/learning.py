"""What somebody says about themselves outside a message (a form, the bot): decided at once, and told in their thread."""

from datetime import datetime

from django.db import transaction

from contacts.claims import Claim
from contacts.matching import Recognition, learn
from contacts.models import Profile, Source
from inbox.live_updates import tell_account
from inbox.models import Strand
from inbox.thread_events import tell_recognition


@transaction.atomic
def learn_in_thread(*, profile: Profile, claim: Claim, occurred_at: datetime, source: str = Source.FORM, cause: str) -> Recognition:
    """``contacts.matching.learn``, and the latest thread of the profile says whom it joined and which other names use the value.

    The conversation in progress goes on. Somebody without a conversation has no thread yet: then nothing is told.
    """
    recognition = learn(profile=profile, claim=claim, occurred_at=occurred_at, source=source, cause=cause)
    strands = Strand.scoped().filter(profile__in={profile.pk, recognition.profile.pk}).select_related("conversation")
    strand = strands.order_by("-conversation__last_message_at", "-pk").first()
    if strand is not None:
        tell_recognition(strand=strand, recognition=recognition, at=max(occurred_at, strand.conversation.last_message_at))
        tell_account(strand.account_id, "conversation", conversation=strand.conversation_id)
    return recognition
