"""A real-time match reads by index only, whatever the size of the account."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from contacts.models import Contact, Identifier, Profile
from tests.conftest import make_channel
from tests.contacts.stories import START, writes

pytestmark = pytest.mark.slow
PEOPLE = 20_000
# Tables that grow with the number of people.
LARGE = {"contacts_profile", "contacts_contact", "contacts_identifier"}


def test_no_look_up_of_a_match_reads_a_whole_table(scoped: Account) -> None:
    web = make_channel(scoped, "webchat")
    contacts = Contact.objects.bulk_create([Contact(born_at=START, last_seen_at=START) for _ in range(PEOPLE)])
    profiles = Profile.objects.bulk_create(
        [
            Profile(contact=one, home=one, channel=web, address=f"v{n}", first_seen_at=START, last_seen_at=START + timedelta(minutes=n))
            for n, one in enumerate(contacts)
        ]
    )
    Identifier.objects.bulk_create(
        [
            Identifier(profile=one, kind=kind, raw=value, value=value, key=value, valid_from=START, last_seen_at=START)
            for n, one in enumerate(profiles)
            for kind, value in (("email", f"p{n}@ejemplo.cl"), ("phone", f"+569{n:08d}"))
        ]
    )
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute("ANALYZE contacts_contact, contacts_profile, contacts_identifier")
        cursor.execute("SET ROLE hilo_app")

    with CaptureQueriesContext(connection) as captured:
        writes(web, "nueva", 999, name="Ana", email="p77@ejemplo.cl", phone=f"+569{4711:08d}")

    reads = [query["sql"] for query in captured if query["sql"].startswith("SELECT") and "pg_advisory" not in query["sql"]]
    assert len(reads) > 5
    plans = []
    with connection.cursor() as cursor:
        for sql in reads:
            cursor.execute(f"EXPLAIN (FORMAT TEXT) {sql}")
            plans.append("\n".join(row[0] for row in cursor.fetchall()))
    scanned = [plan for plan in plans if any(f"Seq Scan on {table} " in plan for table in LARGE)]
    assert scanned == []
    assert any("identifier_lookup" in plan for plan in plans)
