"""What arrives on a channel and says something about consent: messages with stop words, the platform's own switch, refusals, bounces.

Called by ``inbox`` inside the transaction that stores what arrived: an opt-out that cannot be recorded must not be lost.
"""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from consent.fingerprints import PointRef
from consent.ledger import record
from consent.models import ConsentEvent, ConsentState, ServiceWindow
from consent.one_click import read_token, use_token
from consent.opt_words import Heard, Sense, read
from consent.points import ensure_point, points_of_profile
from consent.suppressing import suppress
from consent.vocabulary import Action, Basis, Origin, SuppressionReason
from contacts.models import Certainty, Profile

# What providers say when the person has stopped us there: WhatsApp promotions; every message by Twilio.
STOPPED_MARKETING = {"whatsapp": frozenset({"131050"})}
STOPPED_EVERYTHING = {"sms": frozenset({"21610"})}
# The mailbox does not exist, or cannot (RFC 3463): trying again is no use, and harms our name.
NO_SUCH_MAILBOX = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})


def note_inbound(*, ref: PointRef, channel_id: int, at: datetime) -> None:
    """Open the service window of the point on the channel, or keep it open longer. Two queries where the point is known."""
    point = ensure_point(ref)
    later = ServiceWindow.scoped().filter(point=point, channel=channel_id, last_inbound_at__lt=at).update(last_inbound_at=at)
    if not later:
        ServiceWindow.scoped().get_or_create(point=point, channel_id=channel_id, defaults={"last_inbound_at": at})


@transaction.atomic
def hear_message(
    *,
    ref: PointRef,
    profile: Profile,
    channel: str,
    channel_id: int,
    body: str,
    subject: str,
    occurred_at: datetime,
    key: str,
    certainty: str,
    about_order: Callable[[], bool],
) -> Heard:
    """Take in what a message of the other side says about being written to, and open the service window.

    ``certainty`` of the sender's address: one that nobody attests may stop messages, and start none. ``key`` names the message.
    ``about_order`` is asked only where the word may mean one.
    """
    note_inbound(ref=ref, channel_id=channel_id, at=occurred_at)
    token = subject.removeprefix("unsubscribe").strip() if subject.startswith("unsubscribe ") else ""
    if token and read_token(token) is not None:
        use_token(token, origin=Origin.MAILTO, occurred_at=occurred_at)
        return Heard(Sense.STOP_MARKETING, "unsubscribe")
    heard = read(body, about_order=about_order)
    if heard.sense is Sense.STOP:
        _for_the_line(ref, profile, channel, occurred_at, key, certainty, Action.STOP, heard, body)
    elif heard.sense is Sense.STOP_MARKETING:
        _for_the_line(ref, profile, channel, occurred_at, key, certainty, Action.WITHDRAW, heard, body)
    elif heard.sense is Sense.START:
        return _start(ref, profile, channel, occurred_at, key, certainty, heard, body)
    return heard


def _for_the_line(
    ref: PointRef,
    profile: Profile,
    channel: str,
    occurred_at: datetime,
    key: str,
    certainty: str,
    action: Action,
    heard: Heard,
    body: str,
) -> None:
    """One event for every point that is the sender's own line: a WhatsApp id, its phone and its user id are one."""
    own = [linked.ref for linked in points_of_profile(profile) if linked.identifier.certainty == Certainty.ATTESTED]
    refs = {each.lookup: each for each in (ref, *own)}
    for each in sorted(refs.values(), key=lambda each: each.lookup):
        record(
            ref=each,
            action=action,
            origin=Origin.MESSAGE,
            occurred_at=occurred_at,
            key=key,
            profile=profile,
            channel=channel if action is Action.STOP else "",
            reason=heard.word,
            possession_proven=certainty != Certainty.CLAIMED,
            proof={"said": body[:500]},
        )


def _start(
    ref: PointRef, profile: Profile, channel: str, occurred_at: datetime, key: str, certainty: str, heard: Heard, body: str
) -> Heard:
    """A start word takes a stop back, from the address itself; to somebody who never stopped, the word is a word."""
    stopped = ConsentState.scoped().filter(point__match_hmac=ref.match, withdrawn_at__isnull=False).exists()
    if not stopped or certainty == Certainty.CLAIMED:
        return Heard(Sense.NOTHING)
    record(
        ref=ref,
        action=Action.GRANT,
        origin=Origin.MESSAGE,
        occurred_at=occurred_at,
        key=key,
        profile=profile,
        channel=channel,
        basis=Basis.CONSENT,
        reason=heard.word,
        possession_proven=True,
        proof={"said": body[:500]},
    )
    return heard


def hear_platform(*, ref: PointRef, profile: Profile | None, channel: str, wants: bool, occurred_at: datetime, key: str) -> ConsentEvent:
    """The platform's own switch for promotions (WhatsApp ``user_preferences``)."""
    return record(
        ref=ref,
        action=Action.PLATFORM_RESUME if wants else Action.PLATFORM_STOP,
        origin=Origin.PLATFORM,
        occurred_at=occurred_at,
        key=key,
        profile=profile,
        channel=channel,
        possession_proven=True,
    )


def hear_refusal(
    *, ref: PointRef, profile: Profile | None, channel: str, code: str, occurred_at: datetime, key: str
) -> ConsentEvent | None:
    """What the provider's refusal of one message says about its address; ``None`` where it says nothing."""
    if code in STOPPED_MARKETING.get(channel, ()):
        return hear_platform(ref=ref, profile=profile, channel=channel, wants=False, occurred_at=occurred_at, key=key)
    if code in STOPPED_EVERYTHING.get(channel, ()):
        return record(
            ref=ref,
            action=Action.STOP,
            origin=Origin.PLATFORM,
            occurred_at=occurred_at,
            key=key,
            profile=profile,
            channel=channel,
            reason=code,
            possession_proven=True,
        )
    if channel == "email" and code in NO_SUCH_MAILBOX:
        return suppress(
            ref=ref,
            reason=SuppressionReason.HARD_BOUNCE,
            at=occurred_at,
            key=key,
            origin=Origin.BOUNCE,
            scope=channel,
            profile=profile,
        )
    return None
