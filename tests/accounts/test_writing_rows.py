"""Rows written together are the rows that would have been written one by one, with their history."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django_scopes import ScopeError
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from accounts.models import Account
from accounts.scope import account_scope
from accounts.writing_rows import draw_ids, rewrite_rows, write_rows
from contacts.models import Contact, MatchDecision, Profile
from integrations.models import Import, ImportedRow
from tests.conftest import make_account

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
SAID = {"name": {"value": 'Ñandú "x" \\ 😀', "others": [1, None, {"a": True}]}}


def people(ids: list[int]) -> list[Contact]:
    return [Contact(pk=pk, born_at=AT, last_seen_at=AT, name="Ñandú", fields=SAID, search_text="a\nb", problems=["x"]) for pk in ids]


def without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def test_rows_and_history_are_as_django_writes_them(scoped: Account) -> None:
    ids = draw_ids(Contact, 4)

    write_rows(people(ids[:2]))
    bulk_create_with_history(people(ids[2:]), Contact)

    rows = [without(row, "id") for row in Contact.scoped().filter(pk__in=ids).order_by("pk").values()]
    assert rows[0] == rows[1] == rows[2] == rows[3]
    history = [without(row, "id", "history_id", "history_date") for row in Contact.history.filter(id__in=ids).order_by("id").values()]
    assert len(history) == 4
    # Django's own way writes an empty reason where there is none.
    assert [without(row, "history_change_reason") for row in history] == [without(history[3], "history_change_reason")] * 4


def test_what_the_database_fills_in_is_filled_in(scoped: Account) -> None:
    (contact_id,) = draw_ids(Contact, 1)
    write_rows(people([contact_id]))
    profile = Profile(contact_id=contact_id, home_id=contact_id, first_seen_at=AT, last_seen_at=AT)
    write_rows([profile])
    stored = Profile.scoped().get()
    imported = Import.objects.create(kind="contacts", format="csv", size=1)
    mark = uuid.uuid4()

    write_rows([MatchDecision(profile=stored, outcome="created", rule="r", unified=True)])
    write_rows([ImportedRow(imported=imported, number=1, key=mark, digest=mark, profile=stored, outcome="created")])

    assert (stored.given, stored.erased_at, stored.created_at is not None) == ({}, None, True)
    assert MatchDecision.scoped().get().at is not None
    assert (ImportedRow.scoped().get().key, ImportedRow.scoped().get().before) == (mark, None)


def test_any_number_of_rows_is_one_statement(scoped: Account) -> None:
    ids = draw_ids(Contact, 30)

    with CaptureQueriesContext(connection) as counted:
        write_rows(people(ids))
        write_rows([])

    assert len(counted) == 1


def test_rows_written_anew_and_their_history_are_as_django_writes_them(scoped: Account) -> None:
    ids = draw_ids(Contact, 4)
    write_rows(people(ids))
    Contact.scoped().filter(pk__in=ids).update(quality=7)
    rows = people(ids)
    for row in rows:
        row.account_id = scoped.pk
        row.name, row.fields, row.is_empty, row.quality = 'Otra "x" \\ 😀', {"name": None}, True, 9

    with CaptureQueriesContext(connection) as counted:
        rewrite_rows(rows[:2], ["name", "fields", "is_empty"])
        rewrite_rows([], ["name"])
    bulk_update_with_history(rows[2:], Contact, ["name", "fields", "is_empty"])

    assert len(counted) == 1
    stored = [without(row, "id") for row in Contact.scoped().filter(pk__in=ids).order_by("pk").values()]
    assert stored[0] == stored[1] == stored[2] == stored[3]
    assert (stored[0]["name"], stored[0]["fields"], stored[0]["quality"]) == ('Otra "x" \\ 😀', {"name": None}, 7)
    changes = Contact.history.filter(id__in=ids, history_type="~").order_by("id")
    history = [without(row, "id", "history_id", "history_date", "history_change_reason") for row in changes.values()]
    assert len(history) == 4
    assert history == [history[3]] * 4


def test_a_row_of_another_account_is_not_written_anew(scoped: Account) -> None:
    other = make_account("otra")
    with account_scope(other):
        rows = people(draw_ids(Contact, 1))
        write_rows(rows)
    disguised = people([rows[0].pk])

    rewrite_rows(disguised, ["problems"])
    with pytest.raises(ScopeError):
        rewrite_rows(rows, ["name"])

    with account_scope(other):
        assert Contact.history.count() == 1
    assert not Contact.history.exists()


def test_another_account_is_refused(scoped: Account) -> None:
    other = make_account("otra")
    row = people(draw_ids(Contact, 1))[0]
    row.account_id = other.pk

    with pytest.raises(ScopeError):
        write_rows([row])
    with transaction.atomic(), account_scope(other), pytest.raises(ScopeError):
        write_rows([Contact(pk=1, born_at=AT, last_seen_at=AT, account_id=scoped.pk)])

    assert not Contact.scoped().exists()


def test_one_bad_row_refuses_all_of_them(scoped: Account) -> None:
    good, bad = people(draw_ids(Contact, 2))
    bad.name = "x" * 201

    with pytest.raises(DataError), transaction.atomic():
        write_rows([good, bad])
    bad.name = "null\x00"
    with pytest.raises(DataError), transaction.atomic():
        write_rows([good, bad])
    with pytest.raises(IntegrityError), transaction.atomic():
        write_rows([good, good])

    assert not Contact.scoped().exists()
