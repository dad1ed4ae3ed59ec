"""What has to be forgotten by and by. Both are safe to run twice."""

from celery import shared_task

from accounts.entrances import all_account_ids
from accounts.scope import account_scope


@shared_task
def forget_old_answers() -> int:
    """Delete the answers to idempotent requests that are older than a day; gives how many."""
    from accounts.api.idempotency import forget_old_answers

    forgotten = 0
    for account_id in all_account_ids():
        with account_scope(account_id):
            forgotten += forget_old_answers()
    return forgotten


@shared_task
def forget_expired_sessions() -> None:
    """Delete the sessions that no longer let anybody in."""
    from django.contrib.sessions.backends.db import SessionStore

    SessionStore.clear_expired()
