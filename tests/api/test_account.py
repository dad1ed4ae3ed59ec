"""``/api/v1/account/`` and the command that makes a token."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Account, ApiToken, AuditEntry, Membership
from accounts.scope import account_scope
from tests.api.conftest import ApiClient
from tests.conftest import make_member


def test_settings_are_read_and_changed(api: ApiClient, account: Account, admin: Membership) -> None:
    changed = api.patch("account/", {"unification_enabled": False, "new_contact_after_hours": 48})

    assert changed.status_code == 200
    answer = api.get("account/").json()
    assert changed.json() == answer
    assert (answer["unification_enabled"], answer["new_contact_after_hours"]) == (False, 48)
    with account_scope(account):
        entry = AuditEntry.objects.get(action="account.change")
    assert (entry.actor_kind, entry.membership_id, entry.target_id) == ("api", admin.pk, account.pk)
    assert entry.detail == {"changed": {"unification_enabled": [True, False], "new_contact_after_hours": [24, 48]}}


def test_nothing_changed_is_not_written_down(api: ApiClient, account: Account) -> None:
    assert api.patch("account/", {"new_contact_after_hours": 24}).status_code == 200

    with account_scope(account):
        assert not AuditEntry.objects.filter(action="account.change").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("new_contact_after_hours", 0),
        ("new_contact_after_hours", 9000),
        ("new_contact_after_hours", "many"),
        ("unification_enabled", "perhaps"),
        ("timezone", "America/Nowhere"),
        ("default_region", "ZZ"),
        ("language", "xx"),
        ("name_conflict", "shout"),
        ("name", ""),
        ("slug", "other"),
        ("id", 1),
    ],
)
def test_wrong_values_are_refused_by_name(api: ApiClient, account: Account, field: str, value: object) -> None:
    response = api.patch("account/", {"reopen_within_hours": 1, field: value})

    assert response.status_code == 400
    assert response.json()["error"]["fields"].keys() == {field}
    with account_scope(account):
        unchanged = Account.objects.get(pk=account.pk)
        assert (unchanged.reopen_within_hours, unchanged.slug, unchanged.timezone) == (72, account.slug, "America/Santiago")
        assert not AuditEntry.objects.filter(action="account.change").exists()


def test_an_outsider_sees_only_their_own(outsider_api: ApiClient, account: Account, other_account: Account) -> None:
    assert outsider_api.get("account/").json()["slug"] == other_account.slug


def run(**options: str) -> str:
    out = StringIO()
    call_command("create_token", stdout=out, **options)
    return out.getvalue()


def test_the_command_prints_a_token_that_works_and_nothing_else(admin: Membership, account: Account) -> None:
    printed = run(email=admin.user.email.upper(), account=account.slug, name="Informes")

    assert ApiClient(printed.removesuffix("\n")).get("account/").status_code == 200
    with account_scope(account):
        token = ApiToken.objects.get()
        assert (token.name, printed.startswith(token.hint)) == ("Informes", True)
        assert AuditEntry.objects.get(action="token.create").actor_kind == "system"
        assert printed.strip() not in str(AuditEntry.objects.values())


def test_the_command_refuses_who_is_no_member(admin: Membership, account: Account, outsider: Membership) -> None:
    for email, slug in [(outsider.user.email, account.slug), (admin.user.email, "nowhere")]:
        with pytest.raises(CommandError):
            run(email=email, account=slug)
    gone = make_member(account, "agent", "ida")
    with account_scope(account):
        Membership.objects.filter(pk=gone.pk).update(is_active=False)
        with pytest.raises(CommandError):
            run(email=gone.user.email, account=account.slug)
        assert not ApiToken.objects.exists()


@pytest.mark.parametrize("wrong", ["email", "account", "name"])
def test_bytes_that_are_no_text_make_no_token(admin: Membership, account: Account, wrong: str) -> None:
    options = {"email": admin.user.email, "account": account.slug, "name": "x", wrong: "a\udcff"}

    with pytest.raises(CommandError, match="printable"):
        call_command("create_token", **options)

    with account_scope(account):
        assert not ApiToken.objects.exists()
