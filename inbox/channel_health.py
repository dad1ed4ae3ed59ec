"""Whether a provider still lets a channel in: written onto the channel, where admins and agents see it, and taken off again."""

from datetime import datetime, timedelta

import structlog

from accounts.models import Channel
from inbox.adapters import DeliveryError

log = structlog.get_logger("hilo.channels")


def note_refusal(channel: Channel, error: DeliveryError) -> None:
    """Keep what the provider said if it concerns the channel and not one message."""
    if error.is_of_channel:
        log.warning("channel_refused", channel=channel.pk, code=error.code)
        set_sending_problem(channel, error.text)


def note_success(channel: Channel) -> None:
    """The provider took something: whatever was wrong is over."""
    if channel.sending_problem:
        set_sending_problem(channel, "")


def note_activity(channel: Channel, *, at: datetime) -> None:
    """Something arrived on the channel. Written at most once a minute: everything on a busy channel would queue up on one row."""
    if channel.last_event_at is None or at > channel.last_event_at + timedelta(minutes=1):
        Channel.scoped().filter(pk=channel.pk).update(last_event_at=at)
        channel.last_event_at = at


def set_sending_problem(channel: Channel, text: str) -> None:
    """Write it if it is news: every message of a broken channel says the same. An empty text says that the channel works."""
    Channel.scoped().filter(pk=channel.pk).exclude(sending_problem=text).update(sending_problem=text)
    channel.sending_problem = text
