"""The three steps of the switch, and what they refuse."""

from django.test import Client
from django.urls import reverse

from accounts.models import Account, Membership
from accounts.scope import account_scope
from contacts.models import UnificationRun, ValueMark
from contacts.unification.switching import carry_out
from tests.conftest import make_account, make_channel
from tests.contacts.stories import identifier_of, writes


def page(account: Account, name: str = "unification", *args: int) -> str:
    return reverse(f"contacts:{name}", args=[account.slug, *args])


def work(account: Account) -> UnificationRun:
    with account_scope(account):
        run = UnificationRun.scoped().latest("pk")
        carry_out(run_id=run.pk)
        run.refresh_from_db()
        return run


def test_each_step_is_an_address(admin_client: Client, account: Account) -> None:
    for step in ("what", "change", "switch"):
        assert admin_client.get(f"{page(account)}?step={step}").status_code == 200
    assert admin_client.get(f"{page(account)}?step=other").status_code == 404


def test_a_switch_without_a_word_switches_nothing(admin_client: Client, account: Account) -> None:
    for body in ({}, {"enabled": "perhaps"}, {"enabled": "no", "contacts": "burn"}):
        assert admin_client.post(page(account, "unification_switch"), body).status_code == 400
    with account_scope(account):
        assert not UnificationRun.scoped().exists()
        assert Account.objects.get(pk=account.pk).unification_enabled is True


def test_the_page_follows_the_run_and_loads_itself_anew_at_its_end(admin_client: Client, account: Account) -> None:
    admin_client.post(page(account, "unification_switch"), {"enabled": "no", "contacts": "keep"})
    with account_scope(account):
        run = UnificationRun.scoped().get()
    assert "HX-Refresh" not in admin_client.get(page(account, "unification_progress", run.pk)).headers

    assert work(account).state == "done"

    assert admin_client.get(page(account, "unification_progress", run.pk)).headers["HX-Refresh"] == "true"


def test_a_value_of_the_preview_is_marked_as_shared(admin_client: Client, account: Account) -> None:
    with account_scope(account):
        ana = writes(make_channel(account, "webchat"), "v-1", name="Ana", email="familia@correo.cl")
        identifier = identifier_of(ana.profile, "email")

    answer = admin_client.post(page(account, "unification_share", identifier.pk))

    assert answer.status_code == 302
    with account_scope(account):
        assert ValueMark.scoped().get().key == identifier.key


def test_anothers_value_is_not_there(admin_client: Client, account: Account, admin: Membership) -> None:
    other = make_account("plaza")
    with account_scope(other):
        identifier = identifier_of(writes(make_channel(other, "webchat"), "v-1", email="x@correo.cl").profile, "email")

    assert admin_client.post(page(account, "unification_share", identifier.pk)).status_code == 404
    with account_scope(other):
        assert not ValueMark.scoped().exists()
