"""One budget per remote account, counted where every process sees it."""

import uuid

import pytest

from integrations.crm.contract import Rate, Retry
from integrations.crm.wire import seconds_to_wait
from integrations.syncing.rate_budget import Budget

RATE = Rate(calls=10, seconds=3600)


def budget(account: str, **more: bool) -> Budget:
    return Budget(kind="rest", remote_account=account, rate=RATE, **more)


def spends(one: Budget) -> int:
    count = 0
    while True:
        try:
            one.spend()
        except Retry:
            return count
        count += 1


def test_a_back_fill_leaves_some_for_live_changes_and_all_share_one_budget() -> None:
    account = uuid.uuid4().hex
    assert spends(budget(account, is_back_fill=True)) == 7
    assert spends(budget(account)) == 3
    assert spends(budget(account)) == 0
    assert spends(budget(uuid.uuid4().hex)) == 10


def test_silence_holds_for_everybody() -> None:
    account = uuid.uuid4().hex
    budget(account).hold(50)
    with pytest.raises(Retry) as asked:
        budget(account).spend()
    assert 45 < asked.value.after <= 50


def test_what_retry_after_says() -> None:
    assert seconds_to_wait("7") == 7
    assert seconds_to_wait("") == 1
    assert seconds_to_wait("999999") == 3600
    assert seconds_to_wait("Wed, 21 Oct 2015 07:28:00 GMT") == 1
