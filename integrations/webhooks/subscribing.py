"""Make, change, pause and delete subscriptions. The pages and the API are doors to these functions."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import auditing
from accounts.actors import Actor
from accounts.queueing import enqueue
from accounts.roles import Ability, require
from integrations.http_client import is_public
from integrations.models import WebhookDelivery, WebhookEvent, WebhookSubscription
from integrations.webhooks.event_types import EVENT_TYPES, TEST
from integrations.webhooks.schedule import LONGEST_OVERLAP, OVERLAP
from integrations.webhooks.signing import new_secret

NAME_LENGTH, URL_LENGTH, SECRET_LENGTH = 80, 1000, 300
MOST_SUBSCRIPTIONS = 50
Kind, State = WebhookSubscription.Kind, WebhookSubscription.State


@transaction.atomic
def subscribe(
    *, name: str, url: str, events: Collection[str], by: Actor, kind: str = Kind.WEBHOOK, key: str = ""
) -> tuple[WebhookSubscription, str]:
    """Make a subscription; the secret that signs is given here and never again.

    ``key`` is the receiver's own, for kinds that send one instead of signing. Raises ``ValidationError`` keyed by field, and
    ``PermissionDenied``.
    """
    require(by, Ability.MANAGE_ACCOUNT)
    clean = _cleaned(name=name, url=url, events=events)
    if kind == Kind.SEGMENT and not key.strip():
        raise ValidationError({"key": _("This is needed.")})
    if WebhookSubscription.scoped().count() >= MOST_SUBSCRIPTIONS:
        raise ValidationError({"": _("There are %(most)d already: delete one first.") % {"most": MOST_SUBSCRIPTIONS}})
    secret = key.strip()[:SECRET_LENGTH] if kind == Kind.SEGMENT else new_secret()
    made = WebhookSubscription.objects.create(kind=kind, secrets={"current": secret}, owner=by.membership, **clean)
    auditing.record(actor=by, action="webhook.create", target=made, name=made.name)
    return made, secret


@transaction.atomic
def change(*, subscription: WebhookSubscription, changes: Mapping[str, Any], by: Actor) -> WebhookSubscription:
    """Set name, address or events. What is on its way already goes to the new address. Raises as ``subscribe``.

    A key of the receiver's stays with the server that it was given for.
    """
    require(by, Ability.MANAGE_ACCOUNT)
    locked = _locked(subscription)
    clean = _cleaned(**{"name": locked.name, "url": locked.url, "events": locked.events, **changes})
    if locked.kind == Kind.SEGMENT and urlsplit(clean["url"])[:2] != urlsplit(locked.url)[:2]:
        raise ValidationError(
            {"url": _("The key belongs to the server that it was given for. Make another destination for another server.")}
        )
    changed = [field for field, value in clean.items() if getattr(locked, field) != value]
    for field in changed:
        setattr(locked, field, clean[field])
    if changed:
        locked.save(update_fields=changed)
        auditing.record(actor=by, action="webhook.change", target=locked, name=locked.name, changed=changed)
    return locked


@transaction.atomic
def rotate(*, subscription: WebhookSubscription, by: Actor, overlap: timedelta = OVERLAP, key: str = "") -> tuple[WebhookSubscription, str]:
    """Another secret from now on; for ``overlap`` (at most a week) the former one signs too. Gives the new one, this once.

    For kinds with a key of the receiver's, ``key`` takes its place at once.
    """
    require(by, Ability.MANAGE_ACCOUNT)
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise ValidationError({"overlap_hours": _("At most a week.")})
    locked = _locked(subscription)
    if locked.kind == Kind.SEGMENT:
        if not key.strip():
            raise ValidationError({"key": _("This is needed.")})
        secret = key.strip()[:SECRET_LENGTH]
        locked.secrets, locked.previous_until = {"current": secret}, None
    else:
        kept: Any = locked.secrets
        secret = new_secret()
        locked.secrets = {"current": secret, "previous": kept["current"]}
        locked.previous_until = timezone.now() + overlap
    locked.save(update_fields=["secrets", "previous_until"])
    auditing.record(actor=by, action="webhook.rotate", target=locked, name=locked.name)
    return locked, secret


@transaction.atomic
def pause(*, subscription: WebhookSubscription, by: Actor) -> WebhookSubscription:
    """Send nothing more; what happens meanwhile waits. Pausing twice changes nothing."""
    require(by, Ability.MANAGE_ACCOUNT)
    locked = _locked(subscription)
    if locked.state == State.ACTIVE:
        locked.state = State.PAUSED
        locked.save(update_fields=["state"])
        auditing.record(actor=by, action="webhook.pause", target=locked, name=locked.name)
    return locked


@transaction.atomic
def resume(*, subscription: WebhookSubscription, by: Actor) -> WebhookSubscription:
    """Send again: first what waited, in its order, with the whole schedule of attempts before it."""
    require(by, Ability.MANAGE_ACCOUNT)
    locked = _locked(subscription)
    if locked.state == State.ACTIVE:
        return locked
    waiting = WebhookDelivery.scoped().filter(subscription=locked, state=WebhookDelivery.State.PENDING)
    waiting.update(attempts=0, next_attempt_at=timezone.now())
    locked.state, locked.failing_since = State.ACTIVE, None
    locked.save(update_fields=["state", "failing_since"])
    auditing.record(actor=by, action="webhook.resume", target=locked, name=locked.name)
    ask_for_waiting(locked)
    return locked


@transaction.atomic
def unsubscribe(*, subscription: WebhookSubscription, by: Actor) -> None:
    """Delete it with its log. What waits is never sent."""
    require(by, Ability.MANAGE_ACCOUNT)
    locked = _locked(subscription)
    auditing.record(actor=by, action="webhook.delete", target=locked, name=locked.name)
    locked.delete()


@transaction.atomic
def prepare_test(*, subscription: WebhookSubscription, by: Actor) -> WebhookDelivery:
    """A test event for this subscription alone; deliver it after the commit. Raises ``ValidationError`` while it is paused."""
    require(by, Ability.MANAGE_ACCOUNT)
    locked = _locked(subscription)
    if locked.state != State.ACTIVE:
        raise ValidationError({"": _("It is paused: resume it first.")})
    event = WebhookEvent.objects.create(type=TEST.name, version=TEST.version, order_key="test")
    event.order_key = f"test:{event.pk}"
    event.save(update_fields=["order_key"])
    auditing.record(actor=by, action="webhook.test", target=locked, name=locked.name)
    return WebhookDelivery.objects.create(subscription=locked, event=event, order_key=event.order_key)


def ask_for_waiting(subscription: WebhookSubscription) -> None:
    """Have a worker ask for everything of the subscription that is due, after the commit."""
    from integrations.tasks import deliver_waiting_webhooks

    enqueue(deliver_waiting_webhooks, account_id=subscription.account_id, subscription_id=subscription.pk)


def _locked(subscription: WebhookSubscription) -> WebhookSubscription:
    return WebhookSubscription.scoped().select_for_update().get(pk=subscription.pk)


def _cleaned(*, name: str, url: str, events: Collection[str]) -> dict[str, Any]:
    errors: dict[str, Any] = {}
    name = " ".join(name.replace("\x00", "").split())
    if not 0 < len(name) <= NAME_LENGTH:
        errors["name"] = _("Give it a name of at most %(length)d characters.") % {"length": NAME_LENGTH}
    if problem := address_problem(url.strip()):
        errors["url"] = problem
    unknown = sorted(set(events) - set(EVENT_TYPES))
    if unknown:
        errors["events"] = _("There is no such event: %(names)s.") % {"names": ", ".join(unknown)}
    elif not events:
        errors["events"] = _("Choose at least one event.")
    if errors:
        raise ValidationError(errors)
    return {"name": name, "url": url.strip(), "events": [each for each in EVENT_TYPES if each in set(events)]}


def address_problem(url: str) -> str:
    """Why nothing may be sent there, in words; empty where it may. A name is looked up, and refused, when it is sent to."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host or len(url) > URL_LENGTH or parts.scheme not in ("http", "https") or not url.isprintable() or " " in url:
        return _("Give a whole address that starts with https://.")
    if parts.username or parts.password:
        return _("Leave user name and password out of the address.")
    is_allowed = host.lower().rstrip(".") in {name.lower() for name in settings.OUTGOING_HTTP_ALLOW}
    if parts.scheme == "http" and not is_allowed:
        return _("The address has to start with https://.")
    try:
        is_private = not is_allowed and not is_public(host)
    except ValueError:
        is_private = False  # a name
    return _("This is an address of a private network.") if is_private else ""
