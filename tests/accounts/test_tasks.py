"""What is forgotten by and by, and that the schedule names tasks that exist."""

from datetime import timedelta

from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.actors import SYSTEM
from accounts.models import Account, IdempotentRequest, Membership
from accounts.scope import account_scope
from accounts.tasks import forget_expired_sessions, forget_old_answers
from accounts.tokens import create_token
from config.celery import app
from config.schedule import SCHEDULE


def test_answers_are_kept_for_a_day_in_every_account(admin: Membership, outsider: Membership) -> None:
    for membership in (admin, outsider):
        with account_scope(membership.account_id):
            token, _secret = create_token(membership=membership, name="", by=SYSTEM)
            for key, hours in (("fresh", 23), ("old", 25)):
                row = IdempotentRequest.objects.create(token=token, key=key, fingerprint="x", status=200, answer={})
                IdempotentRequest.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(hours=hours))

    assert forget_old_answers() >= 2

    for membership in (admin, outsider):
        with account_scope(membership.account_id):
            assert list(IdempotentRequest.objects.values_list("key", flat=True)) == ["fresh"]


def test_expired_sessions_go_and_others_stay(account: Account) -> None:
    keys = {}
    for name, seconds in (("live", 60), ("dead", -60)):
        store = SessionStore()
        store["who"] = name
        store.set_expiry(timezone.now() + timedelta(seconds=seconds))
        store.save()
        keys[name] = store.session_key

    forget_expired_sessions()

    assert list(Session.objects.filter(pk__in=keys.values()).values_list("pk", flat=True)) == [keys["live"]]


def test_every_entry_of_the_schedule_names_a_task() -> None:
    app.loader.import_default_modules()
    assert {entry["task"] for entry in SCHEDULE.values()} <= app.tasks.keys()
