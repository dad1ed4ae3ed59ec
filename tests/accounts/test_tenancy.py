"""Both locks between accounts: managers that refuse, and row-level security under them."""

import datetime

import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, models, transaction
from django.utils import timezone
from django_scopes import ScopeError

from accounts.models import Account, Channel
from accounts.row_security import tenant_tables
from accounts.scope import account_scope
from accounts.tenancy import TenantManager, TenantModel, TenantQuery
from contacts.models import Contact
from tests.conftest import make_channel

READS = {
    "iterate": lambda rows: list(rows),
    "filter": lambda rows: list(rows.filter(name="x")),
    "exists": lambda rows: rows.exists(),
    "count": lambda rows: rows.count(),
    "first": lambda rows: rows.first(),
    "get": lambda rows: rows.get(pk=1),
    "aggregate": lambda rows: rows.aggregate(models.Max("id")),
    "values": lambda rows: list(rows.values("id")),
    "iterator": lambda rows: list(rows.iterator()),
    "explain": lambda rows: rows.explain(),
    "in_bulk": lambda rows: rows.in_bulk([1]),
    "dates": lambda rows: list(rows.dates("created_at", "day")),
    "union": lambda rows: list(rows.union(rows)),
    "raw": lambda rows: list(rows.raw("SELECT * FROM accounts_channel")),
    "latest": lambda rows: rows.latest("id"),
    "contains": lambda rows: rows.contains(Channel(pk=1)),
}
WRITES = {
    "update": lambda rows: rows.update(name="x"),
    "delete": lambda rows: rows.delete(),
    "create": lambda rows: rows.create(kind="email", name="x"),
    "bulk_create": lambda rows: rows.bulk_create([Channel(kind="email", name="x")]),
    "get_or_create": lambda rows: rows.get_or_create(kind="email", name="x"),
    "update_or_create": lambda rows: rows.update_or_create(kind="email", name="x"),
    "bulk_update": lambda rows: rows.bulk_update([Channel(pk=1, name="x")], ["name"]),
}


@pytest.mark.parametrize("method", [*READS, *WRITES])
def test_no_queryset_method_works_outside_a_scope(method: str, account: Account) -> None:
    make_channel(account, "email", "Correo")

    with pytest.raises(ScopeError), transaction.atomic():
        {**READS, **WRITES}[method](Channel.objects.all())

    with account_scope(account):
        assert list(Channel.objects.values_list("name", flat=True)) == ["Correo"]


async def test_async_iteration_is_scoped_too() -> None:
    with pytest.raises(ScopeError):
        [row async for row in Channel.objects.all()]


def test_a_queryset_built_for_one_account_does_not_run_in_another(account: Account, other_account: Account) -> None:
    make_channel(account, "email")
    with account_scope(account):
        rows = Channel.objects.all()
    with account_scope(other_account), pytest.raises(ScopeError):
        list(rows)


def test_related_objects_and_history_are_scoped(account: Account, other_account: Account) -> None:
    channel = make_channel(account, "email")
    with pytest.raises(ScopeError):
        channel.refresh_from_db()
    with pytest.raises(ScopeError):
        list(Channel.history.all())
    with account_scope(other_account):
        assert list(Channel.history.all()) == []
    with account_scope(account):
        assert Channel.history.count() == 1


def test_a_row_cannot_be_saved_for_another_account(account: Account, other_account: Account) -> None:
    with account_scope(account), pytest.raises(ScopeError):
        Channel(account=other_account, kind="email", name="x").save()


def test_every_tenant_model_uses_the_tenant_manager() -> None:
    for model in apps.get_models():
        if issubclass(model, TenantModel):
            assert isinstance(model._base_manager, TenantManager), model
            assert isinstance(model._default_manager, TenantManager), model
            assert isinstance(model.objects.all().query, TenantQuery)


def test_every_table_with_an_account_is_locked_in_the_database(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid"
            " WHERE c.relrowsecurity AND c.relforcerowsecurity AND p.polname = 'same_account'"
        )
        locked = {row[0] for row in cursor.fetchall()}
        cursor.execute("SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'account_id'")
        with_account = {row[0] for row in cursor.fetchall()}
    assert set(tenant_tables()) == locked
    assert with_account <= locked


def test_raw_sql_under_the_web_role_sees_and_writes_no_other_account(account: Account, other_account: Account) -> None:
    channel = make_channel(account, "email")
    with account_scope(account):
        Contact.objects.create(born_at=timezone.now(), last_seen_at=timezone.now(), name="Ana")

    with account_scope(other_account), connection.cursor() as cursor:
        for table in tenant_tables():
            cursor.execute(f"SELECT count(*) FROM {table} WHERE {tenant_tables()[table]} = %s", [account.pk])
            assert cursor.fetchone()[0] == 0, table
        cursor.execute("UPDATE accounts_channel SET name = 'robado'")
        assert cursor.rowcount == 0
        cursor.execute("DELETE FROM contacts_contact")
        assert cursor.rowcount == 0
    with account_scope(other_account), pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO contacts_contact (account_id, born_at, last_seen_at, name, fields, search_text, is_anonymous, is_empty)"
            " VALUES (%s, now(), now(), '', '{}', '', false, false)",
            [account.pk],
        )

    with account_scope(account):
        channel.refresh_from_db()
        assert channel.name == "Email"
        assert Contact.objects.count() == 1


def test_without_a_scope_nothing_is_seen(account: Account) -> None:
    make_channel(account, "email")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_setting('hilo.account', true)")
        assert cursor.fetchone()[0] == "hilo_app"
        for table in tenant_tables():
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone()[0] == 0, table


def test_a_rollback_does_not_leave_the_connection_in_another_account(account: Account, other_account: Account) -> None:
    make_channel(account, "email")
    with account_scope(other_account):
        assert Channel.objects.count() == 0
        with pytest.raises(ZeroDivisionError), transaction.atomic(), account_scope(account):
            assert Channel.objects.count() == 1
            raise ZeroDivisionError
        assert Channel.objects.count() == 0
    with account_scope(account):
        assert Channel.objects.count() == 1


def test_secrets_are_not_readable_in_the_database(account: Account) -> None:
    channel = make_channel(account, "whatsapp", secrets={"access_token": "EAAG-secreto"})
    with account_scope(account):
        with connection.cursor() as cursor:
            cursor.execute("SELECT secrets FROM accounts_channel WHERE id = %s", [channel.pk])
            assert b"EAAG" not in bytes(cursor.fetchone()[0])
        assert Channel.objects.get(pk=channel.pk).secrets == {"access_token": "EAAG-secreto"}


def test_the_audit_trail_cannot_be_rewritten(account: Account) -> None:
    with account_scope(account), pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_auditentry SET at = %s", [datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)])
