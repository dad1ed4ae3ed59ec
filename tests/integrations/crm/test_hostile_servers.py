"""Interfaces that are set up wrongly, or answer to do harm: the key stays here, and nobody is asked for ever."""

from typing import Any

import pytest

from accounts.actors import SYSTEM
from integrations.crm.contract import Misconfigured, Retry
from integrations.crm.rest.connector import Rest
from integrations.crm.wire import Wire
from integrations.models import Connection, SyncRun
from integrations.syncing import back_filling
from tests.integrations.crm.conftest import shop_settings
from tests.integrations.crm.shop import Shop
from tests.integrations.provider import playing_provider

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("scoped")]


@pytest.mark.parametrize(
    "path", ["http://elsewhere.example/customers", "//elsewhere.example/customers", "https://elsewhere.example/{page}"]
)
def test_the_key_leaves_for_no_other_server(loopback: None, shop: Shop, path: str) -> None:
    for connector in (Rest({**shop_settings(shop), "list_path": path}, Wire()), Rest({**shop_settings(shop), "item_path": path}, Wire())):
        with pytest.raises(Misconfigured, match="otro servidor"):
            connector.changes("")
            connector.read("1")


def test_words_in_braces_that_are_none_of_ours_are_left_alone(loopback: None, shop: Shop) -> None:
    shop.add(name="Ana")
    said = {**shop_settings(shop), "list_path": "customers?a={nothing}&b={page:>9}&c={since.__class__}&page={page}"}
    assert len(Rest(said, Wire()).changes("").records) == 1


def test_an_answer_that_is_nested_without_end_is_no_answer(loopback: None) -> None:
    with playing_provider() as provider:
        provider.answer(200, b"[" * 200_000)
        with pytest.raises(Retry, match="JSON"):
            Rest({"url": provider.url, "list_path": "customers"}, Wire()).check()


def test_an_interface_that_ignores_which_page_is_asked_for_is_not_asked_for_ever(to_shop: Connection, shop: Shop) -> None:
    shop.add(name="Ana", email="ana@example.com")
    said: Any = to_shop.settings
    Connection.scoped().update(settings={**said, "list_path": "customers?sheet={page}"})
    run = back_filling.ask(connection=Connection.scoped().get(), kind=SyncRun.Kind.BACK_FILL, by=SYSTEM)
    back_filling.work(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.figures["read"]) == ("failed", 1)
    assert Connection.scoped().get().state == "misconfigured"
