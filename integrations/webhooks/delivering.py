"""Take events to their subscribers: claim, build, send, settle. In order for each key; a key that fails holds back nobody else.

A crash between the request and the record leaves the delivery leased: after the lease it is sent again under the same id, which is
how a receiver knows it. Nothing is ever marked as delivered that was not.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.tenancy import TenantQuerySet
from contacts.locks import hold
from contacts.models import Profile
from inbox.storable import storable
from integrations import http_client
from integrations.models import WebhookAttempt, WebhookDelivery, WebhookEvent, WebhookSubscription
from integrations.webhooks.destinations import Outgoing, compose_for
from integrations.webhooks.pausing import note_failure, note_success
from integrations.webhooks.payloads import build
from integrations.webhooks.recording import ask_to_deliver
from integrations.webhooks.schedule import LEASE, wait_after

log = structlog.get_logger("hilo.webhooks")

State = WebhookDelivery.State
TIMEOUT = 15.0
LARGEST_ANSWER = 256 * 1024
LOGGED_REQUEST = 16_000
LOGGED_ANSWER = 4_000
# Of an answer the rest may hold cookies and the like.
LOGGED_HEADERS = ("content-type", "date", "server", "retry-after", "x-request-id")
HIDDEN = "•••"
LONGEST_WAIT = timedelta(hours=24)


@dataclass(frozen=True)
class Outcome:
    """What came of one request. ``wait`` is what the receiver asks for, in seconds."""

    status: int | None
    error: str = ""
    headers: Any = None
    body: str = ""
    milliseconds: int | None = None
    wait: float = 0

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300 and not self.error


def deliver(*, delivery_id: int) -> None:
    """Send one event to one subscriber, if it is due, first in its line and nobody else has it. Safe to run any number of times."""
    delivery = _claim(delivery_id)
    if delivery is None:
        return
    at = timezone.now()
    subscription = delivery.subscription
    built = build(delivery.event)
    outgoing = None
    if built is not None:
        outgoing = compose_for(subscription.kind)(subscription=subscription, event=delivery.event, built=built, at=at)
    if built is None or outgoing is None:
        _settle(delivery, State.SKIPPED)
    else:
        outcome = _send(outgoing)
        _record(delivery, outgoing, outcome, at=at, profiles=built.profiles)
        if outcome.is_success:
            note_success(subscription, at=at)
        else:
            note_failure(subscription, at=at, is_gone=outcome.status == 410)
    _ask_for_next(delivery)


def _claim(delivery_id: int) -> WebhookDelivery | None:
    """The delivery, leased to this worker. The attempt is counted before it is made."""
    with transaction.atomic():
        now = timezone.now()
        delivery = (
            WebhookDelivery.scoped()
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("subscription", "event")
            .filter(pk=delivery_id, state=State.PENDING, next_attempt_at__lte=now)
            .filter(subscription__state=WebhookSubscription.State.ACTIVE)
            .first()
        )
        if delivery is None or _earlier(delivery).exists():
            return None
        delivery.attempts += 1
        delivery.next_attempt_at = now + LEASE
        delivery.save(update_fields=["attempts", "next_attempt_at"])
        return delivery


def _line(delivery: WebhookDelivery) -> TenantQuerySet[WebhookDelivery]:
    return WebhookDelivery.scoped().filter(subscription=delivery.subscription_id, order_key=delivery.order_key, state=State.PENDING)


def _earlier(delivery: WebhookDelivery) -> TenantQuerySet[WebhookDelivery]:
    return _line(delivery).filter(event__lt=delivery.event_id)


def _ask_for_next(delivery: WebhookDelivery) -> None:
    following = _line(delivery).order_by("event").first()
    if following is not None and following.next_attempt_at <= timezone.now():
        ask_to_deliver(following)


def due() -> TenantQuerySet[WebhookDelivery]:
    """Deliveries whose time has come, the first of each line only: what stands behind another one is asked for by that one."""
    ahead = WebhookDelivery.scoped().filter(
        subscription=OuterRef("subscription"), order_key=OuterRef("order_key"), state=State.PENDING, event__lt=OuterRef("event")
    )
    active = WebhookSubscription.State.ACTIVE
    return WebhookDelivery.scoped().filter(
        ~Exists(ahead), state=State.PENDING, next_attempt_at__lte=timezone.now(), subscription__state=active
    )


def _send(outgoing: Outgoing) -> Outcome:
    started = time.monotonic()
    try:
        answer = http_client.request(
            "POST",
            outgoing.url,
            headers=outgoing.headers,
            content=outgoing.body,
            timeout=TIMEOUT,
            deadline=TIMEOUT,
            max_bytes=LARGEST_ANSWER,
            follow_redirects=False,
        )
    except http_client.HttpError as error:
        return Outcome(None, error=str(error)[:300] or type(error).__name__, milliseconds=_since(started))
    return Outcome(
        answer.status,
        headers={name: answer.headers[name] for name in LOGGED_HEADERS if name in answer.headers},
        body=answer.content[: LOGGED_ANSWER * 4].decode(errors="replace")[:LOGGED_ANSWER],
        milliseconds=_since(started),
        wait=_seconds(answer.headers.get("retry-after", "")) if answer.status in (429, 503) else 0,
    )


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _seconds(text: str) -> float:
    return min(float(text), LONGEST_WAIT.total_seconds()) if text.isdecimal() and len(text) < 10 else 0


def _record(delivery: WebhookDelivery, outgoing: Outgoing, outcome: Outcome, *, at: datetime, profiles: tuple[int, ...]) -> None:
    """Keep the attempt and settle the delivery by what came of it.

    Whoever was erased while the request was under way is in no log: an erasure holds the contacts that are held here.
    """
    with transaction.atomic():
        known = _held(profiles)
        if not WebhookDelivery.scoped().select_for_update().filter(pk=delivery.pk).exists():
            return  # the subscription, or the log, was deleted meanwhile
        is_gone = len(known) < len(profiles)
        WebhookAttempt.objects.create(
            delivery=delivery,
            at=at,
            milliseconds=outcome.milliseconds,
            request={"erased": True} if is_gone else storable(_logged(outgoing)),
            status=outcome.status,
            answer={"erased": True} if is_gone else storable({"headers": outcome.headers or {}, "body": outcome.body}),
            error=storable(outcome.error),
            profiles=sorted(known),
        )
        if outcome.is_success:
            _settle(delivery, State.DELIVERED)
            return
        log.info("webhook_failed", delivery=delivery.pk, status=outcome.status, attempt=delivery.attempts)
        wait = wait_after(delivery.attempts)
        if wait is None:
            _settle(delivery, State.FAILED)
        else:
            wait = max(wait, timedelta(seconds=outcome.wait))
            _mine(delivery).update(next_attempt_at=timezone.now() + wait)
            ask_to_deliver(delivery, in_seconds=wait.total_seconds() + 0.1)


def _held(profile_ids: tuple[int, ...]) -> set[int]:
    """Those of the profiles that are not erased, and cannot be until the transaction ends."""

    def find() -> dict[int, int]:
        return dict(Profile.scoped().filter(pk__in=profile_ids).values_list("pk", "contact_id"))

    hold(find, contacts_of=lambda found: found)
    return set(Profile.scoped().filter(pk__in=profile_ids, erased_at=None).values_list("pk", flat=True))


def _mine(delivery: WebhookDelivery) -> TenantQuerySet[WebhookDelivery]:
    """The row, unless it was replayed or settled since it was claimed."""
    return WebhookDelivery.scoped().filter(pk=delivery.pk, state=State.PENDING, attempts=delivery.attempts)


def _settle(delivery: WebhookDelivery, state: str) -> None:
    _mine(delivery).update(state=state, settled_at=timezone.now())


def _logged(outgoing: Outgoing) -> dict[str, Any]:
    parts = urlsplit(outgoing.url)
    return {
        "url": urlunsplit(parts._replace(query="…" if parts.query else "")),
        "headers": {name: HIDDEN if name in outgoing.hidden else value for name, value in outgoing.headers.items()},
        "body": outgoing.body[: LOGGED_REQUEST * 4].decode(errors="replace")[:LOGGED_REQUEST],
    }


def forget_old(before: datetime, *, most: int = 5000) -> int:
    """Delete events from before the moment with their deliveries and the log, except those still on their way. Returns how many."""
    waiting = WebhookDelivery.scoped().filter(
        event=OuterRef("pk"), state=State.PENDING, subscription__state=WebhookSubscription.State.ACTIVE
    )
    old = (
        WebhookEvent.scoped()
        .filter(~Q(Exists(waiting)), occurred_at__lt=before)
        .order_by("occurred_at")
        .values_list("pk", flat=True)[:most]
    )
    ids = list(old)
    WebhookEvent.scoped().filter(pk__in=ids).delete()
    return len(ids)
