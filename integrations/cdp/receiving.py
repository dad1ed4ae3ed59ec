"""Take in what arrived: stored first by the door, worked on by a worker, each message for itself."""

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record as audit
from accounts.queueing import back_off, enqueue
from accounts.roles import Ability, require
from accounts.tenancy import TenantQuerySet
from inbox.storable import storable
from integrations.cdp.joining import Joiner
from integrations.cdp.reading import Rejected, Said, read, read_time
from integrations.models import CustomerDataMessage, CustomerDataSource, CustomerEvent

log = structlog.get_logger("hilo.customer_data")

State = CustomerDataMessage.State
BROKEN = (State.REJECTED, State.FAILED)
LARGEST_MESSAGE = 32 * 1024
# Levels of lists and objects. What is read without trouble may be too deep for whoever writes it, shows it or looks through it.
MOST_NESTED = 50
LONGEST_MESSAGE_ID = 200
# How the id of a signed message begins. A write key is public, so that whoever has it must not use up the ids of others.
SIGNED = "signed:"
LONGEST_REASON = 300
MOST_ATTEMPTS = 8
# A worker that has held a message for so long is gone. Two workers on one message do no harm.
LEASE = timedelta(seconds=60)


@dataclass(frozen=True)
class Refusal:
    """A message that was kept as rejected: its place in the batch, and why."""

    index: int
    reason: str


def id_in_body(body: Mapping[str, Any]) -> str:
    """The ``messageId`` as it is kept; one of its own for a message without one."""
    given = body.get("messageId")
    uid = str(given).strip() if isinstance(given, (str, int)) and not isinstance(given, bool) else ""
    if len(uid) > LONGEST_MESSAGE_ID or uid.startswith(SIGNED):
        uid = hashlib.sha256(uid.encode()).hexdigest()
    return uid or f"hilo-{uuid.uuid4()}"


@transaction.atomic
def store(
    *,
    source: CustomerDataSource,
    messages: Iterable[tuple[str, Any]],
    sent_at: datetime | None,
    id_of: Callable[[Mapping[str, Any]], str] = id_in_body,
) -> list[Refusal]:
    """Keep what arrived, each with its kind, and ask for its processing; what was stored before is not stored again.

    What makes no sense is kept as rejected, so that somebody can see it, and loses nobody else. Returns the refusals.
    """
    rows, refusals = [], []
    for index, (kind, body) in enumerate(messages):
        if reason := _refusal(body):
            refusals.append(Refusal(index, reason))
        rows.append(_row(source, kind, body, sent_at, reason, id_of))
    CustomerDataMessage.objects.bulk_create(rows, ignore_conflicts=True)
    fresh = CustomerDataMessage.scoped().filter(source=source, message_id__in=[row.message_id for row in rows])
    ids = list(fresh.filter(state=State.PENDING, attempts=0).order_by("pk").values_list("pk", flat=True))
    CustomerDataSource.scoped().filter(pk=source.pk).update(last_message_at=timezone.now())
    if ids:
        _ask(source.account_id, ids)
    return refusals


def _refusal(body: Any) -> str:
    if not isinstance(body, Mapping):
        return _("It is no object.")
    if _is_deeper(body, MOST_NESTED):
        return _("It is nested more than %(levels)d levels deep.") % {"levels": MOST_NESTED}
    if len(json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")) > LARGEST_MESSAGE:
        return _("It is larger than 32 KB.")
    return ""


def _is_deeper(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else None
    return inner is not None and (levels == 0 or any(_is_deeper(each, levels - 1) for each in inner))


def _row(
    source: CustomerDataSource, kind: str, body: Any, sent_at: datetime | None, reason: str, id_of: Callable[[Mapping[str, Any]], str]
) -> CustomerDataMessage:
    said = dict(body) if isinstance(body, Mapping) else {}
    # Of what makes no sense as a whole, which message it is may still be plain.
    content = storable({name: value for name, value in said.items() if isinstance(value, (str, int))} if reason else said)
    content.pop("writeKey", None)
    return CustomerDataMessage(
        source=source,
        message_id=id_of(content),
        kind=storable(kind)[:20],
        # What is too large to take is too large to keep.
        body={} if reason else content,
        sent_at=read_time(content.get("sentAt")) or sent_at,
        state=State.REJECTED if reason else State.PENDING,
        reason=reason,
    )


def _ask(account_id: int, ids: list[int], *, in_seconds: float = 0) -> None:
    from integrations.tasks import take_customer_data

    enqueue(take_customer_data, in_seconds=in_seconds, account_id=account_id, message_ids=ids)


def process(*, message_id: int) -> None:
    """Take one stored message, if it is due and nobody else has it. Safe to run any number of times."""
    message = _claim(message_id)
    if message is None:
        return
    try:
        said = read(kind=message.kind, body=message.body, sent_at=message.sent_at, received_at=message.received_at)
        profile = Joiner(source=message.source, cause=f"customer_data:{message.pk}").place(said)
        with transaction.atomic():
            if said.name:
                _keep_event(message, said, profile.pk)
            # Everything that it said is where it belongs; kept twice, an erasure would have to find it twice.
            _mine(message).update(state=State.DONE, body={}, reason="", profile=profile)
    except Rejected as refused:
        _mine(message).update(state=State.REJECTED, reason=str(refused)[:LONGEST_REASON])
    except Exception as error:
        log.exception("customer_data_failed", message=message.pk)
        _try_later(message, f"{type(error).__name__}: {error}")


def _claim(message_id: int) -> CustomerDataMessage | None:
    """The message, leased to this worker. Its attempt is counted before the work."""
    with transaction.atomic():
        now = timezone.now()
        message = (
            CustomerDataMessage.scoped()
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("source")
            .filter(pk=message_id, state=State.PENDING, next_attempt_at__lte=now)
            .first()
        )
        if message is None:
            return None
        message.attempts += 1
        message.next_attempt_at = now + LEASE
        if message.attempts > MOST_ATTEMPTS:
            message.state = State.FAILED
        message.save(update_fields=["attempts", "next_attempt_at", "state"])
        return message if message.state == State.PENDING else None


def _keep_event(message: CustomerDataMessage, said: Said, profile_id: int) -> None:
    values = {
        "profile_id": profile_id,
        "kind": said.kind,
        "name": said.name,
        "properties": dict(said.properties),
        "occurred_at": said.occurred_at,
    }
    CustomerEvent.scoped().get_or_create(source=message.source, message_id=message.message_id, defaults=values)


def _mine(message: CustomerDataMessage) -> TenantQuerySet[CustomerDataMessage]:
    """The row, unless somebody else took it up since."""
    return CustomerDataMessage.scoped().filter(pk=message.pk, state=State.PENDING, attempts=message.attempts)


def _try_later(message: CustomerDataMessage, error: str) -> None:
    reason = storable(error)[:LONGEST_REASON]
    if message.attempts >= MOST_ATTEMPTS:
        _mine(message).update(state=State.FAILED, reason=reason)
        return
    wait = back_off(message.attempts)
    _mine(message).update(reason=reason, next_attempt_at=timezone.now() + wait)
    _ask(message.account_id, [message.pk], in_seconds=wait.total_seconds() + 0.1)


@transaction.atomic
def replay(*, message: CustomerDataMessage, by: Actor) -> CustomerDataMessage:
    """Take a message again that was rejected or failed. One that was not kept stays as it is."""
    require(by, Ability.MANAGE_ACCOUNT)
    locked = CustomerDataMessage.scoped().select_for_update(of=("self",)).select_related("source").get(pk=message.pk)
    if locked.state not in BROKEN or not locked.body:
        return locked
    locked.state, locked.attempts, locked.next_attempt_at = State.PENDING, 0, timezone.now()
    locked.save(update_fields=["state", "attempts", "next_attempt_at"])
    audit(actor=by, action="customer_data.replay", target=locked.source, name=locked.source.name)
    _ask(locked.account_id, [locked.pk])
    return locked


def forget_old(before: datetime, *, most: int = 5000) -> int:
    """Delete messages received before the moment, except those that wait. What they brought stays. Returns how many."""
    old = CustomerDataMessage.scoped().filter(received_at__lt=before).exclude(state=State.PENDING)
    ids = list(old.order_by("received_at").values_list("pk", flat=True)[:most])
    return CustomerDataMessage.scoped().filter(pk__in=ids).delete()[0]
