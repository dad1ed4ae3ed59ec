"""``/api/v1/account/unification/``, and the command that previews it."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Account
from accounts.scope import account_scope
from contacts.models import UnificationRun
from contacts.unification.switching import carry_out
from tests.api.conftest import ApiClient, token_of
from tests.conftest import make_account, make_channel, make_member
from tests.contacts.stories import members, writes


@pytest.fixture
def plaza(db: None) -> Account:
    return make_account("plaza", unification_enabled=False)


@pytest.fixture
def plaza_api(plaza: Account) -> ApiClient:
    return ApiClient(token_of(make_member(plaza, "admin")))


def work(account: Account) -> None:
    with account_scope(account):
        for run in UnificationRun.scoped().filter(state="queued").order_by("pk"):
            carry_out(run_id=run.pk)


def test_preview_switch_and_back(plaza: Account, plaza_api: ApiClient) -> None:
    with account_scope(plaza):
        mail, chat = make_channel(plaza, "email"), make_channel(plaza, "webchat")
        ana = writes(mail, "ana@correo.cl", name="Ana Soto")
        writes(chat, "v-1", 1, email="ana@correo.cl")
    assert plaza_api.get("account/unification/").json() == {"mode": "off", "preview": None, "switch": None}

    asked = plaza_api.post("account/unification/preview/")
    assert (asked.status_code, asked.json()["preview"]["state"]) == (202, "queued")
    work(plaza)
    figures = plaza_api.get("account/unification/").json()["preview"]["figures"]
    assert (figures["contacts_before"], figures["contacts_after"]) == (2, 1)

    switched = plaza_api.post("account/unification/switch/", {"enabled": True})
    assert (switched.status_code, switched.json()["mode"]) == (202, "switching_on")
    work(plaza)
    assert plaza_api.get("account/unification/").json()["mode"] == "on"
    with account_scope(plaza):
        assert len(members(ana.contact)) == 2

    assert plaza_api.post("account/unification/switch/", {"enabled": False, "gives_back": False}).json()["mode"] == "switching_off"
    work(plaza)
    assert plaza_api.get("account/").json()["unification_enabled"] is False
    with account_scope(plaza):
        assert len(members(ana.contact)) == 2


def test_the_setting_starts_the_same_job(plaza: Account, plaza_api: ApiClient) -> None:
    assert plaza_api.patch("account/", {"unification_enabled": True}).status_code == 200

    answer = plaza_api.get("account/unification/").json()
    assert (answer["mode"], answer["switch"]["kind"]) == ("switching_on", "on")


@pytest.mark.parametrize("body", [{}, {"enabled": "perhaps"}, {"enabled": True, "force": True}])
def test_a_body_that_says_nothing_clear_switches_nothing(plaza: Account, plaza_api: ApiClient, body: dict[str, object]) -> None:
    assert plaza_api.post("account/unification/switch/", body).status_code == 400

    assert plaza_api.get("account/unification/").json() == {"mode": "off", "preview": None, "switch": None}


def test_the_command_counts_and_changes_nothing(plaza: Account) -> None:
    with account_scope(plaza):
        writes(make_channel(plaza, "email"), "ana@correo.cl", name="Ana Soto")
        writes(make_channel(plaza, "webchat"), "v-1", 1, email="ana@correo.cl")
    plain, full = StringIO(), StringIO()

    call_command("preview_unification", account=plaza.slug, stdout=plain)
    call_command("preview_unification", "--json", account=plaza.slug, stdout=full)

    assert "there would be        1" in plain.getvalue()
    assert json.loads(full.getvalue())["groups"] == 1
    with account_scope(plaza):
        assert not UnificationRun.scoped().exists()


def test_the_command_knows_no_other_accounts(db: None) -> None:
    with pytest.raises(CommandError, match="nowhere"):
        call_command("preview_unification", account="nowhere")
