"""The keys beside a profile follow what is known of it, are the search's own rules, and are made anew when the rules change."""

from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from contacts import block_keys
from contacts.block_keys import RULES, hash_of, keys_of
from contacts.building_block_keys import DEAD_AFTER, build, build_all, outdated
from contacts.candidates import likely_same
from contacts.claims import Address
from contacts.correcting import add_identifier
from contacts.deduplication.blocking import KEYS
from contacts.deduplication.columns import in_batches
from contacts.deduplication.people import World
from contacts.deduplication.predicting import read_back
from contacts.deduplication.reading import read_all_told
from contacts.deduplication.records import read
from contacts.deduplication.tables import load, open_engine, run
from contacts.erasing import erase
from contacts.models import BlockKey, BlockKeyBuild, CrowdedKey, PendingLookup, Profile
from contacts.moving_identifiers import move_identifier
from contacts.recycled_numbers import note_identity_change
from contacts.splitting import split_off
from tests.conftest import make_channel
from tests.contacts.stories import at, identifier_of, person, tells, writes


@pytest.fixture
def webchat(scoped: Account) -> Channel:
    return make_channel(scoped, "webchat")


def stored(profile: Profile) -> set[int]:
    return set(BlockKey.scoped().filter(profile=profile).values_list("hash", flat=True))


def due(profile: Profile) -> set[int]:
    """The keys that what is known of the profile now asks for."""
    return {number for record in read_all_told([profile.pk]) for number in keys_of(record)}


def test_the_rules_are_the_searchs_own() -> None:
    records = [
        read(row, number=number, contact=number, region="CL") for number, (_person, row) in enumerate(World(count=400, seed=3).records())
    ]
    engine = open_engine()
    try:
        load(engine, in_batches(records))
        columns = ", ".join(f"({KEYS[rule]})" for rule in RULES)
        found = {row[0]: dict(zip(RULES, row[1:], strict=True)) for row in run(engine, f"SELECT id, {columns} FROM records")}
        known = read_back(engine, found)
    finally:
        engine.close()
    assert {number: {rule: value_of(known[number]) for rule, value_of in RULES.items()} for number in found} == found
    # Every rule had its say.
    assert all(any(values[rule] for values in found.values()) for rule in RULES if rule not in ("home", "national_id"))


def test_a_profile_has_its_keys_from_its_first_message(scoped: Account, whatsapp: Channel) -> None:
    first = writes(whatsapp, "56981234567", name="María Pérez").profile
    expected = {hash_of("phone", "+56981234567"), hash_of("name", "maria perez"), hash_of("phone_name", "4567marpere")}
    assert stored(first) == due(first) == expected


def test_they_are_written_with_one_statement_and_not_by_messages_that_say_nothing_new(scoped: Account, whatsapp: Channel) -> None:
    with CaptureQueriesContext(connection) as asked:
        writes(whatsapp, "56981234567", name="María Pérez")
    assert sum("contacts_blockkey" in query["sql"] for query in asked.captured_queries) == 1
    with CaptureQueriesContext(connection) as asked:
        writes(whatsapp, "56981234567", 1, name="María Pérez")
    assert sum("contacts_blockkey" in query["sql"] for query in asked.captured_queries) == 0


def test_what_is_said_later_makes_keys_and_what_a_correction_says_none(scoped: Account, webchat: Channel, agent: Membership) -> None:
    profile = writes(webchat, "visitor-1").profile
    assert stored(profile) == set()
    tells(profile, 1, name="María Pérez", email="maria.perez@uno.cl", date_of_birth="1984-03-25")
    assert stored(profile) == due(profile)
    assert {hash_of("email", "maria.perez@uno.cl"), hash_of("born_given", "1984-03-25ma")} <= stored(profile)
    profile.refresh_from_db()
    added = add_identifier(contact=profile.contact, kind="phone", value="+56981234567", by=person(agent)).profile
    assert added.corrects_id == profile.pk
    assert stored(added) == set()


def test_an_address_in_one_line_counts_like_its_parts(scoped: Account, webchat: Channel) -> None:
    line = tells(writes(webchat, "visitor-1").profile, 1, name="Ana Soto", address="Av. Providencia 1234, depto 56, Santiago").profile
    parts = tells(writes(webchat, "visitor-2").profile, 1, name="Ana Soto", street="Avenida Providencia 1234", city="Santiago").profile
    assert stored(line) == stored(parts) == due(parts)
    assert len(stored(line)) > len({hash_of("name", "ana soto")})


def test_an_identifier_that_ends_or_moves_takes_its_keys_along(
    scoped: Account, whatsapp: Channel, webchat: Channel, supervisor: Membership
) -> None:
    lost = writes(whatsapp, "56981234567", name="María Pérez").profile
    note_identity_change(channel=whatsapp, address=Address("whatsapp", "56981234567"), occurred_at=at(1), region="CL")
    assert stored(lost) == due(lost) == {hash_of("name", "maria perez")}

    form = tells(writes(webchat, "visitor-1").profile, 1, name="Ana Soto", email="pedro.rojas@uno.cl").profile
    other = writes(whatsapp, "56987654321", 2, name="Pedro Rojas").profile
    move_identifier(identifier=identifier_of(form, "email"), to=other.contact, by=person(supervisor))
    assert stored(form) == due(form) == {hash_of("name", "ana soto")}


def test_somebody_split_off_an_address_is_found_by_it(scoped: Account, whatsapp: Channel, supervisor: Membership) -> None:
    profile = writes(whatsapp, "56981234567", name="María Pérez").profile
    new, _event = split_off(profiles=[profile], by=person(supervisor))
    assert stored(new[profile.pk]) == due(new[profile.pk]) == {hash_of("phone", "+56981234567")}


def test_they_go_with_the_profile_and_belong_to_one_account(scoped: Account, other_account: Account, whatsapp: Channel) -> None:
    profile = writes(whatsapp, "56981234567", name="María Pérez").profile
    with account_scope(other_account):
        assert not BlockKey.scoped().exists()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM contacts_blockkey")
            assert cursor.fetchone() == (0,)
    profile.decisions.all().delete()
    profile.delete()
    assert not BlockKey.scoped().exists()


def test_erasure_takes_them_and_nothing_brings_them_back(scoped: Account, whatsapp: Channel, admin: Membership) -> None:
    profile = writes(whatsapp, "56981234567", name="María Pérez").profile
    assert stored(profile)
    erase(profiles=[profile], by=person(admin))
    build_all(anew=True)
    assert not BlockKey.scoped().exists()
    assert not PendingLookup.scoped().exists()
    assert likely_same(profile.pk) == []


def test_other_rules_make_them_anew_in_batches_that_go_on_where_they_stopped(scoped: Account, whatsapp: Channel) -> None:
    everybody = [writes(whatsapp, f"5698123456{number}", number, name="María Pérez").profile for number in range(5)]
    build_all()
    assert not outdated()
    before = {profile.pk: stored(profile) for profile in everybody}
    CrowdedKey.objects.create(hash=hash_of("name", "maria perez"), rule="name")
    newer = block_keys.VERSION + 1
    with (
        patch.multiple("contacts.building_block_keys", VERSION=newer, BATCH=2, BATCHES_PER_TASK=1),
        patch.object(block_keys, "VERSION", newer),
    ):
        BlockKeyBuild.scoped().update(beat_at=timezone.now() - DEAD_AFTER * 2)
        assert outdated()
        row = build()
        assert not outdated(), "somebody is at it"
        assert (row.done_to, row.finished_at) == (everybody[1].pk, None)
        assert [stored(profile) == due(profile) for profile in everybody] == [True, True, False, False, False]
        assert not CrowdedKey.scoped().exists()
        assert build().done_to == everybody[3].pk
        assert build().finished_at is not None
        assert not outdated()
        assert all(stored(profile) == due(profile) for profile in everybody)
    assert all(stored(profile).isdisjoint(before[profile.pk]) for profile in everybody)


def test_the_command_makes_them_for_whoever_has_none(scoped: Account, whatsapp: Channel) -> None:
    profile = writes(whatsapp, "56981234567", name="María Pérez").profile
    BlockKey.scoped().all().delete()
    assert outdated()
    call_command("build_block_keys", account=scoped.slug, verbosity=0)
    assert stored(profile) == due(profile) != set()
    assert BlockKeyBuild.scoped().get().version == block_keys.VERSION
