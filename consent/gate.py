"""The gate that every outgoing message passes, when it is accepted and again right before it leaves.

Today it knows one purpose, the reply of service: an answer to somebody who wrote to us. Channels with a service window
(WhatsApp: free text within 24 hours of the last inbound message, templates later) are read from ``last_inbound_at``.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

WHATSAPP_WINDOW = timedelta(hours=24)
# Instagram and Messenger: a person may answer up to seven days after the last inbound message, with the human-agent tag.
META_WINDOW = timedelta(hours=24)
META_HUMAN_WINDOW = timedelta(days=7)


class Verdict(StrEnum):
    ALLOW = "allow"
    CONVERT = "convert"  # allowed as a template
    DENY = "deny"


class Reason(StrEnum):
    SERVICE_REPLY = "service_reply"
    TEMPLATE_REQUIRED = "template_required"
    HUMAN_AGENT_TAG = "human_agent_tag"
    WINDOW_CLOSED = "window_closed"
    NEVER_WROTE = "never_wrote"


@dataclass(frozen=True)
class Decision:
    """What the gate says. ``until`` is when the window that allows it closes (UTC), where there is one."""

    verdict: Verdict
    reason: Reason
    until: datetime | None = None

    @property
    def allowed(self) -> bool:
        return self.verdict is Verdict.ALLOW


def decide(*, channel_kind: str, last_inbound_at: datetime | None, at: datetime, by_person: bool, is_template: bool = False) -> Decision:
    """Decide whether a service reply may leave by this channel at ``at``.

    ``last_inbound_at`` is the provider's time of the last message that the address sent on this channel, ``None`` if it never
    did. All times are aware. Marketing and notifications are not sent yet, so no other purpose is allowed.
    """
    if channel_kind == "whatsapp":
        if is_template:
            return Decision(Verdict.ALLOW, Reason.SERVICE_REPLY)
        if last_inbound_at is None or at >= last_inbound_at + WHATSAPP_WINDOW:
            return Decision(Verdict.CONVERT, Reason.TEMPLATE_REQUIRED)
        return Decision(Verdict.ALLOW, Reason.SERVICE_REPLY, until=last_inbound_at + WHATSAPP_WINDOW)
    if channel_kind == "instagram":
        if last_inbound_at is None:
            return Decision(Verdict.DENY, Reason.NEVER_WROTE)
        if at < last_inbound_at + META_WINDOW:
            return Decision(Verdict.ALLOW, Reason.SERVICE_REPLY, until=last_inbound_at + META_WINDOW)
        if by_person and at < last_inbound_at + META_HUMAN_WINDOW:
            return Decision(Verdict.ALLOW, Reason.HUMAN_AGENT_TAG, until=last_inbound_at + META_HUMAN_WINDOW)
        return Decision(Verdict.DENY, Reason.WINDOW_CLOSED)
    return Decision(Verdict.ALLOW, Reason.SERVICE_REPLY)
