"""Send again what was sent, given up or skipped: one delivery, or everything of a stretch of time. The ids stay the same."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import auditing
from accounts.actors import Actor
from accounts.roles import Ability, require
from integrations.models import WebhookDelivery, WebhookSubscription
from integrations.webhooks.recording import ask_to_deliver
from integrations.webhooks.subscribing import ask_for_waiting

State = WebhookDelivery.State
AGAIN = {"state": State.PENDING, "attempts": 0, "settled_at": None}


@transaction.atomic
def replay(*, delivery: WebhookDelivery, by: Actor) -> WebhookDelivery:
    """Send it again now, with the whole schedule of attempts before it. While its subscription is paused it waits."""
    require(by, Ability.MANAGE_ACCOUNT)
    locked = WebhookDelivery.scoped().select_for_update(of=("self",)).select_related("subscription", "event").get(pk=delivery.pk)
    now = timezone.now()
    for name, value in {**AGAIN, "next_attempt_at": now, "replayed_at": now}.items():
        setattr(locked, name, value)
    locked.save()
    auditing.record(actor=by, action="webhook.replay", target=locked.subscription, name=locked.subscription.name, count=1)
    ask_to_deliver(locked)
    return locked


@transaction.atomic
def replay_range(*, subscription: WebhookSubscription, since: datetime, until: datetime, by: Actor, only_failed: bool = False) -> int:
    """Send everything again that happened from ``since`` up to ``until`` (aware), in its order. Returns how many events.

    What waits already is left as it is. Raises ``ValidationError``.
    """
    require(by, Ability.MANAGE_ACCOUNT)
    if since >= until:
        raise ValidationError({"until": _("The end must be later than the start.")})
    states = [State.FAILED] if only_failed else [State.FAILED, State.DELIVERED, State.SKIPPED]
    rows = WebhookDelivery.scoped().filter(subscription=subscription, state__in=states)
    chosen = rows.filter(event__occurred_at__gte=since, event__occurred_at__lt=until).exclude(event__type="webhook.test")
    now = timezone.now()
    count = chosen.update(**AGAIN, next_attempt_at=now, replayed_at=now)
    if count:
        auditing.record(actor=by, action="webhook.replay", target=subscription, name=subscription.name, count=count)
        ask_for_waiting(subscription)
    return count
