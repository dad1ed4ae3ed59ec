"""Ask a provider who somebody is, where messages carry an id only. It happens after the message was stored, never in its way."""

from typing import Any

import structlog
from django.utils import timezone

from accounts.queueing import enqueue
from contacts.claims import Address
from contacts.matching import Recognition, learn
from contacts.models import Profile, Source
from inbox.adapters import DeliveryError, LooksPeopleUp, adapter_for
from inbox.channel_health import note_refusal, note_success
from inbox.models import Message

log = structlog.get_logger("hilo.looking_up")


def look_up_strangers(*, message: Message, recognition: Recognition, **_rest: Any) -> None:
    """Ask a worker to look somebody up who writes for the first time and has no name yet."""
    from integrations.tasks import look_up_person

    if not recognition.is_new_profile or recognition.profile.given.get("name"):
        return
    channel = recognition.profile.channel
    if channel is not None and isinstance(adapter_for(channel.kind), LooksPeopleUp):
        enqueue(look_up_person, account_id=message.account_id, profile_id=recognition.profile.pk)


def look_up(*, profile_id: int) -> None:
    """Add the provider's names to a profile. Raises ``DeliveryError`` where another try may help."""
    profile = Profile.scoped().select_related("channel").filter(pk=profile_id).first()
    if profile is None or profile.channel is None or not profile.channel.is_active:
        return
    adapter = adapter_for(profile.channel.kind)
    if not isinstance(adapter, LooksPeopleUp):
        return
    try:
        claim = adapter.look_up(channel=profile.channel, address=Address(adapter.address_kind, profile.address))
    except DeliveryError as error:
        note_refusal(profile.channel, error)
        if not error.permanent:
            raise
        log.info("not_told", profile=profile.pk, code=error.code)
        return
    note_success(profile.channel)
    if claim.given:
        learn(profile=profile, claim=claim, occurred_at=timezone.now(), source=Source.CHANNEL, cause="look_up")
