"""Spam complaints as mailbox providers report them (ARF, RFC 5965): somebody pressed "spam" on one of our mails."""

from datetime import datetime
from email.message import Message

from inbox.adapters import Complaint, UnreadableEvent
from integrations.channels.email import headers, message_ids
from integrations.channels.email.charsets import one_line
from integrations.channels.email.structure import children, walk

COMPLAINTS = frozenset({"abuse", "fraud", "virus", "other"})
# Somebody took our mail out of the spam folder.
PRAISE = frozenset({"not-spam"})
# It tells of a forged sender (RFC 6591), not of what somebody thinks of our mail: shown like any mail of a machine.
ABOUT_FORGERIES = frozenset({"auth-failure"})


def complaint_in(mail: Message, *, ours: list[str], occurred_at: datetime) -> list[Complaint] | None:
    """What a feedback report says; ``None`` where the mail is none. ``ours``: the sealed ids of our mails that it gives back.

    Who reported is told by our own id alone: anybody can write anybody's address into a report. Raises ``UnreadableEvent`` for one
    that cannot be read, or gives none of our mails back; the event is kept and shown.
    """
    if headers.content_type(mail) != "multipart/report":
        return None
    if headers.parameters(mail, "Content-Type").get("report-type", "").lower() != "feedback-report":
        return None
    kind = _kind(mail)
    if kind in ABOUT_FORGERIES:
        return None
    if kind in PRAISE:
        return []
    if kind not in COMPLAINTS:
        raise UnreadableEvent(f"A feedback report of a kind that is not known: {kind[:40] or 'none'}.")
    if not ours:
        raise UnreadableEvent("A complaint about spam that gives none of our mails back.")
    return [Complaint(provider_id=message_ids.provider_id(ours[0]), occurred_at=occurred_at, kind=kind)]


def _kind(mail: Message) -> str:
    for part in walk(mail):
        if headers.content_type(part) != "message/feedback-report":
            continue
        # The library reads its fields as a nested message, or leaves them as text.
        for fields in children(part):
            if found := one_line(headers.raw_value(fields, "Feedback-Type")).lower():
                return found
        lines = str(part.get_payload()).splitlines()
        return next((line.partition(":")[2].strip().lower() for line in lines if line.lower().startswith("feedback-type:")), "")
    return ""
