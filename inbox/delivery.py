"""Take accepted messages out: claim the row, ask the gate again, call the adapter, settle by what came of it.

Only this module decides about another attempt. Between the call and the receipt lies the one moment that a crash leaves open:
such a row stays claimed, and becomes ``unknown`` rather than being sent twice, unless the adapter's provider honours our key.
"""

from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.queueing import back_off
from consent.fingerprints import point_of
from consent.gate import Clearance
from consent.hearing import hear_refusal
from consent.models import ConsentEvent, ContactPoint, Decision
from consent.vocabulary import RESTRICTIONS, Verdict
from inbox.adapters import ChannelAdapter, DeliveryError, OutcomeUnknown, ProviderReceipt, adapter_for
from inbox.announcements import MessageChange, announce_step
from inbox.channel_health import note_refusal, note_success
from inbox.conversations import lock_conversation_of
from inbox.counters import recount
from inbox.live_updates import tell_account
from inbox.locks import lock_provider_message
from inbox.models import Direction, Message, MessageStatus, OutboundMessage, ProviderPart
from inbox.sending import as_data, ask_again, keep_about, queue_delivery, refusal_text, subject_of, waits_for
from inbox.statuses import RANK, apply_kept_statuses, apply_status

__all__ = ["apply_status", "deliver", "settle_abandoned", "stop_queued"]

log = structlog.get_logger("hilo.delivery")

MOST_ATTEMPTS = 8
# A call is over long before this: a row that is still claimed belongs to a worker that died.
CLAIM_LASTS = timedelta(minutes=5)
State = OutboundMessage.State


def deliver(*, message_id: int) -> None:
    """Send one accepted message, if it is due and nobody else has it. Safe to run any number of times."""
    message = _claim(message_id)
    if message is None:
        return
    # What goes wrong is kept with the message, in the account's language.
    with translation.override(message.account.language):
        clearance = _clear(message)
        if clearance is not None:
            _hand_over(message, clearance)
    _next_for_address(message)


def _hand_over(message: Message, clearance: Clearance) -> None:
    """The one place where an adapter is called; nothing gets here without the gate's fresh word about this very message."""
    channel = message.channel
    assert channel is not None  # the gate fails a message without one
    clearance.require(subject_of(message))
    try:
        receipt = adapter_for(channel.kind).send(channel=channel, message=message)
    except DeliveryError as error:
        note_refusal(channel, error)
        _refused(message, error)
    except OutcomeUnknown as error:
        _unknown(message, str(error))
    except Exception as error:
        # The adapter broke, and nobody can say on which side of the call.
        log.exception("adapter_broke", message=message.pk, channel=channel.pk)
        _unknown(message, type(error).__name__)
    else:
        note_success(channel)
        _accepted(message, receipt)


def _claim(message_id: int) -> Message | None:
    with transaction.atomic():
        outbound = (
            OutboundMessage.scoped()
            .select_for_update(skip_locked=True)
            .filter(message=message_id, state=State.QUEUED, next_attempt_at__lte=timezone.now())
            .first()
        )
        if outbound is None:
            return None
        message = (
            Message.scoped()
            .select_related(
                "account",
                "channel__account",
                "identifier__profile",
                "reply_to",
                "strand__conversation",
                "strand__profile",
                "author__user",
                "outbound",
            )
            .get(pk=message_id)
        )
        if _earlier_one_waits(message):
            return None
        outbound.state, outbound.claimed_at, outbound.attempts = State.CLAIMED, timezone.now(), outbound.attempts + 1
        outbound.save(update_fields=["state", "claimed_at", "attempts"])
        message.outbound = outbound
        return message


def _unsettled(message: Message) -> QuerySet[OutboundMessage]:
    return OutboundMessage.scoped().filter(
        state__in=[State.QUEUED, State.CLAIMED], message__channel=message.channel_id, message__identifier=message.identifier_id
    )


def _earlier_one_waits(message: Message) -> bool:
    """Messages to one address leave in the order they were written, but none waits for one that the provider put off for long."""
    soon = timezone.now() + timedelta(minutes=2)
    return _unsettled(message).filter(message__lt=message.pk, next_attempt_at__lt=soon).exists()


def _next_for_address(message: Message) -> None:
    following = _unsettled(message).filter(state=State.QUEUED).exclude(message=message.pk).order_by("message").first()
    if following is not None:
        queue_delivery(following.message)


def _clear(message: Message) -> Clearance | None:
    """Ask the gate again. ``None``: the message failed, or waits for its time."""
    if message.channel is None or not message.channel.is_active or message.identifier is None:
        _fail(message, code="channel_off" if message.identifier is not None else "not_theirs", text="")
        return None
    outbound = message.outbound
    with transaction.atomic():
        ruling = ask_again(message, by_person=message.author_kind in ("person", "api"))
        outbound.verdict = {**outbound.verdict, "left": as_data(ruling)}
        outbound.decision = keep_about(message, ruling, stage=Decision.Stage.LEAVING)
        if ruling.not_before is not None:
            # It was no attempt: nobody was called.
            outbound.state, outbound.attempts = State.QUEUED, outbound.attempts - 1
            outbound.next_attempt_at = ruling.not_before
            Message.scoped().filter(pk=message.pk).update(problem=waits_for(ruling))
        outbound.save(update_fields=["verdict", "decision", "state", "attempts", "next_attempt_at"])
    if ruling.allowed:
        return Clearance(ruling)
    if ruling.deferred:
        _tell(message)
    else:
        _fail(message, code=ruling.reason, text="")
    return None


def stop_queued(*, point: ContactPoint, event: ConsentEvent) -> None:
    """Listener of ``consent.announcements``: what waits for its hour to go to a point that became stricter is asked about again."""
    if event.action not in RESTRICTIONS:
        return
    waiting = OutboundMessage.scoped().filter(
        state=State.QUEUED,
        decision__verdict=Verdict.DEFER,
        decision__point__match_hmac=point.match_hmac,
        next_attempt_at__gt=timezone.now(),
    )
    ids = list(waiting.order_by("message").values_list("message", flat=True))
    OutboundMessage.scoped().filter(message__in=ids).update(next_attempt_at=timezone.now())
    for message in Message.scoped().filter(pk__in=ids):
        queue_delivery(message)


@transaction.atomic
def _accepted(message: Message, receipt: ProviderReceipt) -> None:
    """Keep the receipt. An echo or a status may have overtaken it: all three meet under the lock of the provider's id."""
    lock_provider_message(channel_id=message.channel_id or 0, provider_id=receipt.provider_id)
    lock_conversation_of(message.strand_id)
    outbound = OutboundMessage.scoped().select_for_update().get(message=message.pk)
    fresh = Message.scoped().select_for_update(of=("self",)).select_related("strand").get(pk=message.pk)
    if receipt.provider_id:
        _drop_echoes(fresh, [receipt.provider_id, *receipt.detail.get("ids", [])])
    fresh.provider_id = receipt.provider_id
    is_step = RANK[MessageStatus(fresh.status)] < RANK[MessageStatus.SENT]
    if is_step:
        fresh.status, fresh.problem = MessageStatus.SENT, {}
    fresh.save(update_fields=["provider_id", "status", "problem"])
    if is_step:
        announce_step(fresh, MessageChange.SENT)
    outbound.state = State.SENT
    outbound.receipt = {**outbound.receipt, "provider_id": receipt.provider_id, **receipt.detail, "at": timezone.now().isoformat()}
    outbound.save(update_fields=["state", "receipt"])
    for part in receipt.detail.get("ids", []):
        if part != receipt.provider_id:
            ProviderPart.scoped().get_or_create(channel=message.channel, provider_id=part, defaults={"message": fresh})
    if fresh.provider_id:
        apply_kept_statuses(fresh)
    _tell(fresh)


def _drop_echoes(message: Message, provider_ids: list[str]) -> None:
    """An echo that came before the receipt looked like a message from the provider's own app: it is this message."""
    echoes = (
        Message.scoped()
        .filter(channel=message.channel_id, provider_id__in=provider_ids, direction=Direction.OUT, author_kind="native")
        .exclude(pk=message.pk)
    )
    for echo in echoes.select_related("strand"):
        conversation = lock_conversation_of(echo.strand_id)
        echo.delete()
        recount(conversation)
        tell_account(message.account_id, "conversation", conversation=conversation.pk)


@transaction.atomic
def _refused(message: Message, error: DeliveryError) -> None:
    if error.permanent and message.identifier is not None and message.channel is not None:
        hear_refusal(
            ref=point_of(message.identifier),
            profile=message.identifier.profile,
            channel=message.channel.kind,
            code=error.code,
            occurred_at=timezone.now(),
            key=f"refused:{message.pk}:{error.code}",
        )
    if error.permanent or message.outbound.attempts >= MOST_ATTEMPTS:
        _fail(message, code=error.code, text=error.text, permanent=error.permanent)
        return
    outbound = OutboundMessage.scoped().select_for_update().get(message=message.pk)
    wait = back_off(outbound.attempts)
    if error.retry_after is not None:
        wait = max(wait, timedelta(seconds=error.retry_after))
    outbound.state, outbound.next_attempt_at = State.QUEUED, timezone.now() + wait
    outbound.save(update_fields=["state", "next_attempt_at"])
    Message.scoped().filter(pk=message.pk).update(problem={"code": error.code, "text": error.text, "permanent": False})
    queue_delivery(message, in_seconds=wait.total_seconds() + 0.1)
    _tell(message)


@transaction.atomic
def _fail(message: Message, *, code: str, text: str, permanent: bool = True) -> None:
    conversation = lock_conversation_of(message.strand_id)
    outbound = OutboundMessage.scoped().select_for_update().get(message=message.pk)
    outbound.state, outbound.verdict = State.FAILED, message.outbound.verdict
    outbound.save(update_fields=["state", "verdict"])
    problem = {"code": str(code), "text": text or refusal_text(code)[0], "permanent": permanent}
    Message.scoped().filter(pk=message.pk).update(status=MessageStatus.FAILED, problem=problem)
    announce_step(message, MessageChange.FAILED)
    # Nobody was answered: the customer waits again.
    recount(conversation)
    _tell(message)


@transaction.atomic
def _unknown(message: Message, text: str) -> None:
    outbound = OutboundMessage.scoped().select_for_update().get(message=message.pk)
    if outbound.state != State.CLAIMED:
        return
    outbound.state = State.UNKNOWN
    outbound.save(update_fields=["state"])
    problem = {
        "code": "unknown",
        "text": _("It may have arrived: the provider's answer is missing."),
        "detail": text[:300],
        "permanent": False,
    }
    lowest = [status for status, rank in RANK.items() if rank <= RANK[MessageStatus.UNKNOWN]]
    Message.scoped().filter(pk=message.pk, status__in=lowest).update(status=MessageStatus.UNKNOWN, problem=problem)
    _tell(message)


def settle_abandoned(*, message_id: int) -> None:
    """A worker died while it held this message. Ask again where the provider honours our key; otherwise the outcome is unknown."""
    with transaction.atomic():
        outbound = (
            OutboundMessage.scoped()
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("message__account", "message__channel", "message__strand")
            .filter(message=message_id, state=State.CLAIMED, claimed_at__lt=timezone.now() - CLAIM_LASTS)
            .first()
        )
        if outbound is None:
            return
        message = outbound.message
        if message.channel is not None and _honours_key(adapter_for(message.channel.kind)):
            outbound.state, outbound.next_attempt_at = State.QUEUED, timezone.now()
            outbound.save(update_fields=["state", "next_attempt_at"])
            queue_delivery(message)
        else:
            with translation.override(message.account.language):
                _unknown(message, "")
        _next_for_address(message)


def _honours_key(adapter: ChannelAdapter) -> bool:
    return bool(getattr(adapter, "honours_idempotency_key", False))


def _tell(message: Message) -> None:
    tell_account(message.account_id, "message", conversation=message.strand.conversation_id, message=message.pk)
