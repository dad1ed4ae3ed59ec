"""``manage.py open_account``: the first account of an empty installation."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.entrances import account_id_by_slug
from accounts.models import Account, Membership, User
from accounts.scope import account_scope

pytestmark = pytest.mark.django_db
LIMA = {"name": "Boticas Lima", "slug": "boticas-lima", "email": "Ana@Boticas.example", "country": "pe", "timezone": "America/Lima"}


def opened(**said: Any) -> str:
    out = StringIO()
    call_command("open_account", **{**LIMA, **said}, stdout=out)
    return out.getvalue().strip()


def test_the_first_administrator_chooses_a_password_and_is_in() -> None:
    link = opened()
    account_id = account_id_by_slug("boticas-lima")
    assert account_id is not None
    with account_scope(account_id):
        account = Account.objects.get(pk=account_id)
        assert (account.name, account.default_region, account.timezone) == ("Boticas Lima", "PE", "America/Lima")
        assert [(row.user.email, row.role) for row in Membership.scoped().select_related("user")] == [("ana@boticas.example", "admin")]
    page = Client().get("/" + link.split("/", 3)[3], follow=True)
    assert page.status_code == 200
    assert b'name="password1"' in page.content


@pytest.mark.parametrize(
    "wrong", [{"country": "XX"}, {"slug": "Boticas Lima"}, {"email": "ana"}, {"timezone": "Lima"}, {"name": ""}, {"name": "a\udcff"}]
)
def test_what_makes_no_account_is_refused_in_words(wrong: dict[str, str]) -> None:
    with pytest.raises(CommandError):
        opened(**wrong)
    assert account_id_by_slug("boticas-lima") is None
    assert not User.objects.filter(email="ana@boticas.example").exists()


def test_a_name_is_taken_once_and_whoever_has_a_login_signs_in() -> None:
    User.objects.create_user(email="ana@boticas.example", password="una-clave-larga-9")
    assert opened().endswith("/login/")
    with pytest.raises(CommandError, match="already"):
        opened()
