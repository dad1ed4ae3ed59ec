"""Doors for the workers that keep other systems in step with us. All of them are safe to run twice."""

from celery import shared_task

from accounts.queueing import AccountTask, enqueue, sweep


@shared_task(base=AccountTask)
def say_to_others(*, account_id: int, outbox_id: int) -> None:
    from integrations.syncing.pushing import say

    say(outbox_id=outbox_id)


@shared_task(base=AccountTask)
def ask_for_changes(*, account_id: int, connection_id: int) -> None:
    """Ask, and ask again after the connection's interval; where the broker loses it, the sweeper does."""
    from integrations.models import Connection
    from integrations.syncing.pulling import pull

    if pull(connection_id=connection_id) is None:
        return
    connection = Connection.scoped().filter(pk=connection_id, paused=False).first()
    if connection is not None and connection.state == Connection.State.WORKING:
        enqueue(ask_for_changes, in_seconds=connection.poll_seconds, account_id=account_id, connection_id=connection_id)


@shared_task(base=AccountTask)
def read_what_webhooks_named(*, account_id: int, connection_id: int) -> None:
    from integrations.syncing.noticing import work

    work(connection_id=connection_id)


@shared_task(base=AccountTask)
def carry_out_sync_run(*, account_id: int, run_id: int) -> None:
    from integrations.syncing.back_filling import work

    work(run_id=run_id)


@shared_task(base=AccountTask)
def read_again(*, account_id: int, letter_id: int) -> None:
    from integrations.models import DeadLetter
    from integrations.syncing.dead_letters import read_and_take
    from integrations.syncing.opening import open_desk

    letter = DeadLetter.scoped().select_related("connection").filter(pk=letter_id).first()
    if letter is not None:
        read_and_take(desk=open_desk(letter.connection), letter=letter)


@shared_task(base=AccountTask)
def withdraw_grant(*, account_id: int, grant_id: int) -> None:
    from integrations.syncing.letting_go import withdraw

    withdraw(grant_id=grant_id)


@shared_task
def sweep_sync_outbox() -> int:
    from integrations.syncing.outbox import due

    return sweep(say_to_others, "outbox_id", lambda: due().values_list("pk", flat=True))


@shared_task
def sweep_connections() -> int:
    from integrations.syncing.pulling import due

    return sweep(ask_for_changes, "connection_id", due)


@shared_task
def sweep_change_notices() -> int:
    from integrations.syncing.noticing import due

    return sweep(read_what_webhooks_named, "connection_id", due)


@shared_task
def sweep_ended_grants() -> int:
    from integrations.syncing.letting_go import due

    return sweep(withdraw_grant, "grant_id", lambda: due().values_list("pk", flat=True))


@shared_task
def sweep_sync_runs() -> int:
    from integrations.models import SyncRun

    return sweep(carry_out_sync_run, "run_id", lambda: SyncRun.forgotten().values_list("pk", flat=True))


@shared_task
def forget_old_sync_rows() -> None:
    """The ledger of our own writes when it is out of date, and the log after its time."""
    from accounts.entrances import all_account_ids
    from accounts.scope import account_scope
    from integrations.syncing.forgetting import forget_old_rows

    for account_id in all_account_ids():
        with account_scope(account_id):
            forget_old_rows()
