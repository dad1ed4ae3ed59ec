"""The shared browser fixtures themselves: one database for the tests and the processes, and a real browser."""

import httpx
import pytest
from playwright.sync_api import Page

from accounts.entrances import account_id_by_slug
from accounts.models import Account
from tests.browser.conftest import LiveServer, assert_accessible

pytestmark = pytest.mark.browser


def test_the_server_answers_and_works_on_the_tests_database(live_server_asgi: LiveServer, account: Account) -> None:
    assert httpx.get(f"{live_server_asgi.url}/healthz").status_code == 200
    assert httpx.get(f"{live_server_asgi.url}/readyz").status_code == 200
    assert account_id_by_slug(account.slug) == account.pk


def test_the_worker_runs(live_server_asgi: LiveServer) -> None:
    assert live_server_asgi.processes["worker"].poll() is None, live_server_asgi.log("worker")


def test_an_inaccessible_page_is_noticed(page: Page) -> None:
    page.set_content("<html lang='es'><title>x</title><main><h1>x</h1><img src='data:,'></main></html>")

    with pytest.raises(AssertionError, match="image-alt"):
        assert_accessible(page)
