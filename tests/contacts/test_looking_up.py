"""Matches at message time read by index only, by equal keys and by likeness, whatever the size of the account."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Channel
from benchmarks.copying import copy_row
from contacts.block_keys import renew_keys
from contacts.candidates import likely_same
from contacts.deduplication.comparing import FREQUENCIES
from contacts.deduplication.parameters import shipped
from contacts.models import Identifier, MatchModel, Profile
from tests.conftest import make_channel
from tests.contacts.stories import writes

pytestmark = pytest.mark.slow
PEOPLE = 50_000
# Tables that grow with the number of people.
LARGE = ("contacts_profile", "contacts_contact", "contacts_identifier", "contacts_blockkey")


@pytest.fixture
def web(scoped: Account) -> Channel:
    """An account with many people: each with an email, a phone and four keys."""
    web = make_channel(scoped, "webchat")
    first = writes(web, "v0", email="p0@ejemplo.cl", phone="+56900000000").profile
    own = Profile.scoped().get(pk=first.pk)
    mine = f"FROM contacts_profile p WHERE p.account_id = {scoped.pk} AND p.id <> {own.pk}"
    copy_row(own.contact, each=f"generate_series(1, {PEOPLE}) n", values={"born_at": "template.born_at + n * interval '1 second'"})
    people = f"(SELECT c.id FROM contacts_contact c WHERE c.account_id = {scoped.pk} AND c.id <> {own.contact_id}) c"
    copy_row(own, each=people, values={"contact_id": "c.id", "home_id": "c.id", "address": "'v' || c.id"})
    for identifier, value in (("email", "'p' || p.id || '@ejemplo.cl'"), ("phone", "'+569' || lpad(p.id::text, 8, '0')")):
        like = Identifier.scoped().get(profile=own, kind=identifier)
        copy_row(like, each=f"(SELECT p.id {mine}) p", values={"profile_id": "p.id", **dict.fromkeys(("raw", "value", "key"), value)})
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO contacts_blockkey (account_id, profile_id, hash)"
            f" SELECT p.account_id, p.id, hashtextextended(p.address, k) FROM generate_series(1, 4) k, (SELECT p.* {mine}) p"
        )
        cursor.execute("RESET ROLE")
        cursor.execute(f"ANALYZE {', '.join(LARGE)}")
        cursor.execute("SET ROLE hilo_app")
    return web


def plans_of(captured: CaptureQueriesContext) -> list[str]:
    """How the database carries out what was asked of it, the locks left aside."""
    asked = [query["sql"].strip() for query in captured if "pg_advisory" not in query["sql"]]
    plans = []
    with connection.cursor() as cursor:
        for sql in asked:
            if sql.startswith(("SELECT", "WITH")):
                cursor.execute(f"EXPLAIN {sql}")
                plans.append("\n".join(row[0] for row in cursor.fetchall()))
    return plans


def whole_tables(plans: list[str]) -> list[str]:
    return [plan for plan in plans if any(f"Seq Scan on {table} " in plan for table in LARGE)]


def test_no_look_up_reads_a_whole_table(scoped: Account, web: Channel) -> None:
    assert Profile.scoped().count() > PEOPLE
    some = list(Profile.scoped().order_by("pk")[1000:1003])
    for number, profile in enumerate(some):
        Profile.scoped().filter(pk=profile.pk).update(given={"name": "Ana Soto Vera", "date_of_birth": f"1984-03-2{number}"})
    renew_keys([profile.pk for profile in some])
    parameters = shipped(records=PEOPLE)
    parameters.rarest = dict.fromkeys(FREQUENCIES, 0.01)
    MatchModel.objects.create(version=1, parameters=parameters.as_json(), trained_on=PEOPLE)

    with CaptureQueriesContext(connection) as captured:
        found = writes(
            web, "nueva", 999, name="Ana Soto Vera", email=f"p{some[0].pk}@ejemplo.cl", phone="+56987654321", date_of_birth="1984-03-21"
        )
    exact = plans_of(captured)
    assert found.contact.pk == some[0].contact_id
    assert len(exact) > 5
    assert whole_tables(exact) == []
    assert any("identifier_lookup" in plan for plan in exact)

    likely_same(found.profile.pk)
    with CaptureQueriesContext(connection) as captured:
        likely = likely_same(found.profile.pk)
    alike = plans_of(captured)
    assert some[1].pk in {one.profile_id for one in likely}
    assert len(alike) == 5
    assert whole_tables(alike) == []
    assert any("Index Only Scan using block_key_lookup" in plan for plan in alike)
