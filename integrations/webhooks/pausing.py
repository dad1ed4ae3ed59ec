"""A subscription that fails for long is paused, and its owner is told."""

from datetime import datetime, timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from accounts import auditing
from accounts.actors import SYSTEM
from accounts.models import Membership
from accounts.queueing import enqueue
from accounts.roles import Role
from integrations.models import WebhookSubscription
from integrations.webhooks.letters import LetterNotSent
from integrations.webhooks.schedule import FAILS_FOR

State = WebhookSubscription.State
# A success is written down no more often: busy subscriptions would wait for one row.
PRECISION = timedelta(minutes=1)


def note_success(subscription: WebhookSubscription, *, at: datetime) -> None:
    stale = Q(failing_since__isnull=False) | Q(last_success_at=None) | Q(last_success_at__lt=at - PRECISION)
    WebhookSubscription.scoped().filter(stale, pk=subscription.pk).update(failing_since=None, last_success_at=at)


@transaction.atomic
def note_failure(subscription: WebhookSubscription, *, at: datetime, is_gone: bool) -> None:
    """Pause it where nothing has worked for days, or at once where the receiver says that it is gone (410)."""
    WebhookSubscription.scoped().filter(pk=subscription.pk, failing_since=None).update(failing_since=at)
    locked = WebhookSubscription.scoped().select_for_update().filter(pk=subscription.pk, state=State.ACTIVE).first()
    if locked is None:
        return
    is_long = locked.failing_since is not None and locked.failing_since <= at - FAILS_FOR
    if not (is_long or is_gone):
        return
    locked.state = State.FAILING
    locked.save(update_fields=["state"])
    auditing.record(actor=SYSTEM, action="webhook.pause", target=locked, name=locked.name, reason="410" if is_gone else "")
    from integrations.tasks import tell_of_paused_webhook

    enqueue(tell_of_paused_webhook, account_id=locked.account_id, subscription_id=locked.pk)


def tell_owner(*, subscription_id: int) -> None:
    """Write to whoever made it; where they left, to every administrator. Raises ``LetterNotSent``."""
    subscription = WebhookSubscription.scoped().select_related("owner__user", "account").filter(pk=subscription_id).first()
    if subscription is None or subscription.state != State.FAILING:
        return
    owner = subscription.owner
    readers = [owner] if owner is not None and owner.is_active else list(_administrators())
    page = reverse("integrations:webhook", kwargs={"account_slug": subscription.account.slug, "subscription_id": subscription.pk})
    for reader in readers:
        with translation.override(reader.user.language):
            words = {"user": reader.user, "subscription": subscription, "link": settings.PUBLIC_URL.rstrip("/") + page}
            subject = _("Hilo paused the webhook “%(name)s”") % {"name": subscription.name}
            body = render_to_string("integrations/email/webhook_paused.txt", words)
        try:
            send_mail(" ".join(subject.split()), body, None, [reader.user.email])
        except (OSError, SMTPException) as error:
            raise LetterNotSent(str(error)) from error


def _administrators() -> list[Membership]:
    return list(Membership.scoped().filter(role=Role.ADMIN, is_active=True).select_related("user").order_by("pk"))
