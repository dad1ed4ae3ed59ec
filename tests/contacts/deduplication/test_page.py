"""The page and the API of the search for duplicates: supervisors look, administrators act."""

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account, AuditEntry, Membership
from contacts.controlling_searches import cancel_search, seconds_of, start_search
from contacts.merging import Refused
from contacts.models import DeduplicationRun, MatchModel
from tests.api.conftest import ApiClient, token_of
from tests.contacts.stories import person

pytestmark = pytest.mark.usefixtures("scoped")


def url(account: Account, name: str, *args: int) -> str:
    return reverse(f"contacts:{name}", args=[account.slug, *args])


def done(**figures: object) -> DeduplicationRun:
    return DeduplicationRun.objects.create(kind="whole", state="done", done=100, total=100, figures=figures)


def test_a_search_is_started_once_and_written_down(admin: Membership) -> None:
    run = start_search(kind="whole", by=person(admin))
    assert (run.kind, run.state, run.asked_by) == ("whole", "queued", admin)
    assert start_search(kind="changed", by=person(admin)) == run
    assert AuditEntry.scoped().filter(action="deduplication.start").count() == 1
    with pytest.raises(ValueError, match="nobody"):
        start_search(kind="nobody", by=person(admin))


def test_a_search_that_is_over_cannot_be_cancelled(admin: Membership) -> None:
    run = start_search(kind="whole", by=person(admin))
    cancel_search(run=run, by=person(admin))
    run.refresh_from_db()
    assert run.state == "cancelled"
    with pytest.raises(Refused):
        cancel_search(run=run, by=person(admin))


def test_supervisors_neither_start_nor_cancel(admin: Membership, supervisor: Membership) -> None:
    with pytest.raises(PermissionDenied):
        start_search(kind="whole", by=person(supervisor))
    assert not DeduplicationRun.scoped().exists()
    run = start_search(kind="whole", by=person(admin))
    with pytest.raises(PermissionDenied):
        cancel_search(run=run, by=person(supervisor))
    run.refresh_from_db()
    assert run.state == "queued"


def test_the_seconds_of_a_search_are_those_of_its_steps() -> None:
    assert seconds_of(done(seconds={"read": 1.25, "compare": 2.5})) == 3.8
    assert seconds_of(done()) is None


class TestPage:
    def test_an_administrator_starts_follows_and_cancels(self, admin_client: Client, account: Account) -> None:
        page = url(account, "deduplication")
        assert url(account, "deduplication_start") in admin_client.get(page).content.decode()
        admin_client.post(url(account, "deduplication_start"), {"kind": "whole"})
        run = DeduplicationRun.scoped().get()
        progress = url(account, "deduplication_progress", run.pk)
        assert progress in admin_client.get(page).content.decode()
        DeduplicationRun.scoped().update(state="running", done=50, figures={"profiles": 1234, "compared": 99})
        shown = admin_client.get(progress)
        assert "1\xa0234" in shown.content.decode()
        assert "HX-Refresh" not in shown.headers
        admin_client.post(url(account, "deduplication_cancel", run.pk))
        assert admin_client.get(progress).headers["HX-Refresh"] == "true"
        assert DeduplicationRun.scoped().get().state == "cancelled"
        assert admin_client.post(url(account, "deduplication_start"), {"kind": "nobody"}).status_code == 404

    def test_a_supervisor_sees_figures_and_versions_and_no_buttons(self, supervisor_client: Client, account: Account) -> None:
        done(profiles=5000, compared=321, merged=2, suggested=7, seconds={"read": 1.5})
        MatchModel.objects.create(version=3, parameters={}, trained_on=5000)
        page = supervisor_client.get(url(account, "deduplication"))
        text = page.content.decode()
        for figure in ("5\xa0000", "321", "1,5"):
            assert figure in text
        assert [model.version for model in page.context["models"]] == [3]
        assert url(account, "deduplication_start") not in text
        assert url(account, "deduplication_merging") not in text

    def test_merging_by_itself_is_off_until_an_administrator_says_so(self, admin_client: Client, account: Account) -> None:
        assert Account.objects.get(pk=account.pk).deduplication_merges is False
        for word, is_on in (("yes", True), ("no", False)):
            admin_client.post(url(account, "deduplication_merging"), {"merges": word})
            assert Account.objects.get(pk=account.pk).deduplication_merges is is_on
        assert AuditEntry.scoped().filter(action="account.change").count() == 2

    def test_the_number_of_queries_does_not_grow(self, supervisor_client: Client, account: Account) -> None:
        def count() -> int:
            with CaptureQueriesContext(connection) as captured:
                assert supervisor_client.get(url(account, "deduplication")).status_code == 200
            return len(captured)

        done()
        count()
        few = count()
        for _turn in range(10):
            done()
        assert count() == few


class TestApi:
    def test_where_it_stands_one_now_and_cancelled(self, admin: Membership, supervisor: Membership) -> None:
        done(profiles=10)
        admin_api, supervisor_api = ApiClient(token_of(admin)), ApiClient(token_of(supervisor))
        standing = supervisor_api.get("account/deduplication/").json()
        assert (standing["merges"], standing["under_way"], standing["proposed_merge_from"]) == (False, None, None)
        assert standing["runs"][0]["figures"] == {"profiles": 10}

        started = admin_api.post("account/deduplication/", {"kind": "whole"})
        assert (started.status_code, started.json()["under_way"]["kind"]) == (202, "whole")
        run = started.json()["under_way"]["id"]
        assert supervisor_api.post("account/deduplication/", {"kind": "whole"}).status_code == 403
        assert admin_api.post("account/deduplication/", {"kind": "nobody"}).status_code == 400

        assert admin_api.post(f"account/deduplication/{run}/cancel/", {}).json()["state"] == "cancelled"
        assert admin_api.post(f"account/deduplication/{run}/cancel/", {}).status_code == 409
        assert admin_api.post("account/deduplication/999999/cancel/", {}).status_code == 404
        assert admin_api.patch("account/", {"deduplication_merges": True}).json()["deduplication_merges"] is True
