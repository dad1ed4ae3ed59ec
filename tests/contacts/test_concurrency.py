"""People recognised, merged and separated at the same instant, in real threads on real PostgreSQL."""

import itertools
import random

import pytest
from django.db import transaction

from accounts.actors import SYSTEM
from accounts.models import Account
from accounts.scope import account_scope
from contacts.merging import Refused, merge, oldest_home, unmerge
from contacts.models import Contact, Identifier, MergeEvent, Profile, ProfileMove
from tests.conftest import make_account, make_channel
from tests.contacts.stories import grouping, members, writes
from tests.threads import at_once


@pytest.fixture
def account(committed_db: None) -> Account:
    return make_account("carrera", unification_enabled=True)


def within(account: Account, function, *args, **options):  # type: ignore[no-untyped-def]
    def run():  # type: ignore[no-untyped-def]
        with account_scope(account), transaction.atomic():
            return function(*args, **options)

    return run


def assert_consistent(account: Account) -> None:
    """Every profile sits in the oldest home of its set, emptied contacts say so, and the moves tell how it came about."""
    for contact in Contact.scoped():
        profiles = list(Profile.scoped().filter(contact=contact))
        assert contact.is_empty is (not profiles)
        if profiles:
            assert oldest_home(profiles) == contact.pk
    for profile in Profile.scoped().exclude(home=None):
        moves = list(ProfileMove.scoped().filter(profile=profile).order_by("event_id"))
        # Whoever joined somebody at birth is given a home when they are first separated, so their way begins elsewhere.
        place = moves[0].from_contact_id if moves else profile.home_id
        for move in moves:
            assert move.from_contact_id == place
            place = move.to_contact_id
        assert place == profile.contact_id


def test_two_first_messages_of_a_new_person_make_one_contact(account: Account) -> None:
    with account_scope(account):
        mail, web, chat = (make_channel(account, kind) for kind in ("email", "webchat", "whatsapp"))
    for turn in range(4):
        email, digits = f"ana{turn}@ejemplo.cl", f"5698123456{turn}"
        results = at_once(
            [
                within(account, writes, mail, email, turn),
                within(account, writes, mail, email, turn),
                within(account, writes, web, f"visitor-{turn}", turn, email=email, phone=f"+{digits}"),
                within(account, writes, chat, digits, turn),
            ]
        )
        assert [result for result in results if isinstance(result, Exception)] == []
        with account_scope(account):
            holders = Profile.scoped().filter(identifiers__key__in=[email, f"+{digits}"])
            assert holders.values_list("pk", flat=True).distinct().count() == 3
            assert holders.values_list("contact_id", flat=True).distinct().count() == 1
    with account_scope(account):
        assert_consistent(account)


def test_merges_in_a_ring_leave_one_contact(account: Account) -> None:
    with account_scope(account):
        mail = make_channel(account, "email")
        ring = [writes(mail, f"{number}@ejemplo.cl", number).contact for number in range(6)]
    edges = [(ring[i], ring[(i + 1) % 6]) for i in range(6)]

    results = at_once([within(account, merge, contacts=edge[:: 1 if i % 2 else -1], by=SYSTEM) for i, edge in enumerate(edges)])

    assert all(isinstance(result, (MergeEvent, Refused)) for result in results), results
    with account_scope(account):
        assert len(members(ring[0])) == 6
        assert sum(isinstance(result, MergeEvent) for result in results) == MergeEvent.scoped().count() == 5
        assert_consistent(account)


def test_merging_separating_and_writing_at_once_stays_consistent(account: Account) -> None:
    dice = random.Random(7)
    with account_scope(account):
        mail, web = make_channel(account, "email"), make_channel(account, "webchat")
        people = [writes(mail, f"{number}@ejemplo.cl", number) for number in range(4)]
        # Read once here: the calls below are put together outside the account's scope.
        assert all(each.contact for each in people)
    numbers = itertools.count()

    for _turn in range(4):
        work = []
        for _ in range(6):
            a, b = dice.sample(people, 2)
            match dice.randrange(3):
                case 0:
                    work.append(within(account, merge, contacts=[a.contact, b.contact], by=SYSTEM))
                case 1:
                    work.append(within(account, unmerge, contact=a.contact, profiles=[a.profile], by=SYSTEM))
                case 2:
                    said = {"email": f"{people.index(a)}@ejemplo.cl"}
                    work.append(within(account, writes, web, f"visitor-{next(numbers)}", 10, **said))
        results = at_once(work)
        assert [result for result in results if isinstance(result, Exception) and not isinstance(result, Refused)] == []
        with account_scope(account):
            assert_consistent(account)


def test_six_browsers_with_one_phone_at_once_make_one_contact_and_no_merge(account: Account) -> None:
    with account_scope(account):
        web = make_channel(account, "webchat")
    results = at_once([within(account, writes, web, f"visitor-{number}", number, phone="981234567") for number in range(6)])
    assert [result for result in results if isinstance(result, Exception)] == []
    with account_scope(account):
        assert len(grouping()) == 1
        assert Identifier.scoped().filter(kind="phone").count() == 6
        assert Contact.scoped().filter(is_empty=True).count() == 0
