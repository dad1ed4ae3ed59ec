"""Merge, separate, undo: the rows that move, what is written down, and who is told."""

from collections.abc import Iterator

import pytest
from django.core.exceptions import PermissionDenied

from accounts.models import AuditEntry, Channel, Membership
from contacts.announcements import contacts_changed, profiles_moved
from contacts.merging import Refused, merge, separate_and_mark_shared, undo, unmerge
from contacts.models import Contact, MergeEvent, NeverMerge, Profile, ProfileMove, ValueMark
from tests.contacts.stories import grouping, identifier_of, members, person, shown, tells, writes


@pytest.fixture
def people(mail: Channel) -> list[Profile]:
    """Four contacts, the oldest first."""
    return [writes(mail, f"{letter}@ejemplo.cl", hour, name=f"Persona {letter}").profile for hour, letter in enumerate("abcd")]


@pytest.fixture
def told() -> Iterator[list[tuple[str, list[int]]]]:
    heard: list[tuple[str, list[int]]] = []

    def changed(sender: object, contact_ids: list[int], **_: object) -> None:
        heard.append(("changed", contact_ids))

    def moved(sender: object, profile_ids: list[int], event: MergeEvent, **_: object) -> None:
        heard.append(("moved", profile_ids))

    contacts_changed.connect(changed)
    profiles_moved.connect(moved)
    yield heard
    contacts_changed.disconnect(changed)
    profiles_moved.disconnect(moved)


def contacts(*profiles: Profile) -> list[Contact]:
    return [Contact.objects.get(home_of=profile) for profile in profiles]


def test_the_oldest_home_survives_whoever_is_named_first(people: list[Profile], supervisor: Membership, told: list) -> None:
    a, b, c, _d = people

    event = merge(contacts=contacts(c, a, b), by=person(supervisor), reason="la misma")

    assert members(a.home) == {a.pk, b.pk, c.pk}
    assert [contact.is_empty for contact in contacts(a, b, c)] == [False, True, True]
    assert (event.contact_id, event.cause, event.kind, event.reason) == (a.home_id, "manual", "merge", "la misma")
    assert (event.actor_kind, event.actor_name, event.membership) == ("person", str(supervisor.user), supervisor)
    moves = ProfileMove.scoped().filter(event=event).values_list("profile_id", "from_contact_id", "to_contact_id")
    assert set(moves) == {(b.pk, b.home_id, a.home_id), (c.pk, c.home_id, a.home_id)}
    entry = AuditEntry.scoped().latest("pk")
    assert (entry.action, entry.target_id, entry.detail["emptied"]) == ("contact.merge", a.home_id, [b.home_id, c.home_id])
    assert told == [("changed", [a.home_id, b.home_id, c.home_id])]
    assert Profile.history.filter(id=b.pk).count() == 2


def test_an_emptied_contact_stands_for_the_one_that_shows_its_profile(people: list[Profile], supervisor: Membership) -> None:
    a, b, c, _d = people
    merge(contacts=contacts(a, b), by=person(supervisor))
    merge(contacts=contacts(b, c), by=person(supervisor))
    assert members(a.home) == {a.pk, b.pk, c.pk}


@pytest.mark.parametrize("chosen", [[0], [0, 0], [0, 1]])
def test_what_is_one_contact_already_is_refused(people: list[Profile], supervisor: Membership, chosen: list[int]) -> None:
    merge(contacts=contacts(people[0], people[1]), by=person(supervisor))
    before = shown(), MergeEvent.scoped().count()
    with pytest.raises(Refused):
        merge(contacts=contacts(*[people[index] for index in chosen]), by=person(supervisor))
    assert (shown(), MergeEvent.scoped().count()) == before


def test_an_agent_may_not_merge_nor_unmerge_at_will(people: list[Profile], agent: Membership, supervisor: Membership) -> None:
    before = shown()
    with pytest.raises(PermissionDenied):
        merge(contacts=contacts(*people[:2]), by=person(agent))
    assert shown() == before
    merge(contacts=contacts(*people[:2]), by=person(supervisor))
    before = shown()
    with pytest.raises(PermissionDenied):
        unmerge(contact=people[0].home, profiles=[people[1]], by=person(agent))
    assert (shown(), NeverMerge.scoped().count()) == (before, 0)


def test_separating_gives_the_old_contact_back_and_keeps_them_apart(people: list[Profile], supervisor: Membership, told: list) -> None:
    a, b, c, _d = people
    before = shown()
    merge(contacts=contacts(a, b, c), by=person(supervisor))
    told.clear()

    event = unmerge(contact=a.home, profiles=[b], by=person(supervisor), reason="otra")

    assert (members(a.home), members(b.home)) == ({a.pk, c.pk}, {b.pk})
    assert shown()[b.home_id] == before[b.home_id]
    assert event.kind == "unmerge"
    assert {(pair.low_id, pair.high_id) for pair in NeverMerge.scoped()} == {(a.pk, b.pk), (b.pk, c.pk)}
    assert NeverMerge.scoped().first().membership == supervisor
    assert told == [("moved", [b.pk]), ("changed", [a.home_id, b.home_id])]


def test_a_profile_that_joined_at_birth_gets_its_home_when_it_is_separated(mail: Channel, web: Channel, supervisor: Membership) -> None:
    letter = writes(mail, "ana@ejemplo.cl", 5, name="Ana")
    form = writes(web, "visitor-1", 7, name="Ana", email="ana@ejemplo.cl")
    assert form.profile.home_id is None

    unmerge(contact=letter.contact, profiles=[form.profile], by=person(supervisor))

    form.profile.refresh_from_db()
    assert form.profile.contact_id == form.profile.home_id != letter.contact.pk
    assert form.profile.home.born_at == form.profile.first_seen_at
    assert form.profile.contact.name == "Ana"


def test_separating_the_home_leaves_the_others_a_home_of_their_own(mail: Channel, web: Channel, supervisor: Membership) -> None:
    letter = writes(mail, "ana@ejemplo.cl", name="Ana")
    form = writes(web, "visitor-1", 1, email="ana@ejemplo.cl")

    unmerge(contact=letter.contact, profiles=[letter.profile], by=person(supervisor))

    form.profile.refresh_from_db()
    assert members(letter.contact) == {letter.profile.pk}
    assert form.profile.home_id == form.profile.contact_id != letter.contact.pk


def test_nobody_can_be_left_without_a_profile(people: list[Profile], supervisor: Membership) -> None:
    a, b, c, _d = people
    merge(contacts=contacts(a, b), by=person(supervisor))
    before = shown()
    for chosen in ([], [a, b], [c]):
        with pytest.raises(Refused):
            unmerge(contact=a.home, profiles=chosen, by=person(supervisor))
    assert shown() == before


def test_an_explicit_merge_lifts_never_merge_on_record(people: list[Profile], supervisor: Membership) -> None:
    a, b, *_ = people
    merge(contacts=contacts(a, b), by=person(supervisor))
    unmerge(contact=a.home, profiles=[b], by=person(supervisor))

    event = merge(contacts=contacts(a, b), by=person(supervisor))

    assert event.evidence["lifted_never_merge"] == [[a.pk, b.pk]]
    assert not NeverMerge.scoped().exists()


def test_an_automatic_merge_stops_at_never_merge(people: list[Profile], supervisor: Membership) -> None:
    a, b, *_ = people
    merge(contacts=contacts(a, b), by=person(supervisor))
    unmerge(contact=a.home, profiles=[b], by=person(supervisor))
    with pytest.raises(Refused):
        merge(contacts=contacts(a, b), by=person(supervisor), cause="deduplication")
    assert members(a.home) == {a.pk}


class TestUndo:
    def test_a_merge_of_three_is_three_again(self, people: list[Profile], supervisor: Membership) -> None:
        a, b, c, _d = people
        before = shown()
        event = merge(contacts=contacts(a, b, c), by=person(supervisor))

        undone = undo(event=event, by=person(supervisor))

        assert shown() == before
        assert (undone.undoes_id, undone.cause) == (event.pk, "undo")
        assert NeverMerge.scoped().count() == 3
        with pytest.raises(Refused):
            undo(event=event, by=person(supervisor))

    def test_after_more_merges_only_what_it_joined_is_parted(self, people: list[Profile], supervisor: Membership) -> None:
        a, b, c, d = people
        first = merge(contacts=contacts(b, c), by=person(supervisor))
        merge(contacts=contacts(a, b), by=person(supervisor))
        merge(contacts=contacts(c, d), by=person(supervisor))

        undo(event=first, by=person(supervisor))

        assert members(c.home) == {c.pk}
        assert members(a.home) == {a.pk, b.pk, d.pk}

    def test_what_was_parted_by_hand_already_is_refused(self, people: list[Profile], supervisor: Membership) -> None:
        a, b, c, _d = people
        event = merge(contacts=contacts(a, b), by=person(supervisor))
        unmerge(contact=a.home, profiles=[b], by=person(supervisor))
        merge(contacts=contacts(b, c), by=person(supervisor))
        before = grouping()
        with pytest.raises(Refused):
            undo(event=event, by=person(supervisor))
        assert grouping() == before

    def test_a_separation_is_taken_back_and_no_longer_holds(self, people: list[Profile], supervisor: Membership) -> None:
        a, b, *_ = people
        merge(contacts=contacts(a, b), by=person(supervisor))
        before = shown()
        event = unmerge(contact=a.home, profiles=[b], by=person(supervisor))

        undone = undo(event=event, by=person(supervisor))

        assert shown() == before
        assert undone.undoes_id == event.pk
        assert not NeverMerge.scoped().exists()

    def test_what_joined_meanwhile_goes_with_the_side_it_was_recognised_by(
        self, people: list[Profile], web: Channel, supervisor: Membership
    ) -> None:
        a, b, *_ = people
        event = merge(contacts=contacts(a, b), by=person(supervisor))
        of_a = writes(web, "visitor-a", 20, email="a@ejemplo.cl").profile
        of_b = writes(web, "visitor-b", 20, email="b@ejemplo.cl").profile

        undo(event=event, by=person(supervisor))

        assert members(a.home) == {a.pk, of_a.pk}
        assert members(b.home) == {b.pk, of_b.pk}

    def test_a_month_of_activity_stays_with_its_profile(self, people: list[Profile], mail: Channel, supervisor: Membership) -> None:
        a, b, *_ = people
        event = merge(contacts=contacts(a, b), by=person(supervisor))
        writes(mail, "b@ejemplo.cl", 24 * 30, name="Persona b", city="Temuco")

        undo(event=event, by=person(supervisor))

        assert Contact.objects.get(pk=b.home_id).fields["city"]["value"] == "Temuco"
        assert "city" not in Contact.objects.get(pk=a.home_id).fields


class TestSeparateAndMarkShared:
    def test_the_other_profiles_of_that_person_go_along(self, web: Channel, mail: Channel, agent: Membership) -> None:
        maria = writes(web, "visitor-1", name="María Pérez", phone="981234567")
        jose = writes(web, "visitor-2", 1, name="José Pérez", phone="981234567", email="jose@ejemplo.cl")
        letter = writes(mail, "jose@ejemplo.cl", 2)

        separate_and_mark_shared(profile=jose.profile, identifier=identifier_of(jose.profile, "phone"), by=person(agent))

        assert grouping() == {
            frozenset({"webchat visitor-1"}),
            frozenset({"webchat visitor-2", "email jose@ejemplo.cl"}),
        }
        letter.profile.refresh_from_db()
        assert members(maria.contact) == {maria.profile.pk}
        assert AuditEntry.scoped().filter(action="identifier.mark_shared").exists()

    def test_who_shares_everything_goes_alone(self, web: Channel, agent: Membership) -> None:
        maria = writes(web, "visitor-1", name="María", phone="981234567", email="familia@ejemplo.cl")
        jose = writes(web, "visitor-2", 1, name="José", phone="981234567", email="familia@ejemplo.cl")

        separate_and_mark_shared(profile=jose.profile, identifier=identifier_of(jose.profile, "phone"), by=person(agent))

        assert members(maria.contact) == {maria.profile.pk}

    def test_alone_in_the_contact_nothing_happens(self, web: Channel, agent: Membership) -> None:
        maria = writes(web, "visitor-1", name="María", phone="981234567")
        with pytest.raises(Refused):
            separate_and_mark_shared(profile=maria.profile, identifier=identifier_of(maria.profile, "phone"), by=person(agent))
        assert not ValueMark.scoped().exists()

    def test_the_agent_may_take_it_back(self, web: Channel, agent: Membership) -> None:
        maria = writes(web, "visitor-1", name="María", phone="981234567")
        jose = writes(web, "visitor-2", 1, name="José", phone="981234567")
        event = separate_and_mark_shared(profile=jose.profile, identifier=identifier_of(jose.profile, "phone"), by=person(agent))
        undo(event=event, by=person(agent))
        assert members(maria.contact) == {maria.profile.pk, jose.profile.pk}


def test_a_visitor_is_hidden_until_a_datum_is_left(web: Channel) -> None:
    visitor = writes(web, "visitor-1", name="Ana")
    assert visitor.contact.is_anonymous
    assert not tells(visitor.profile, 1, phone="981234567").contact.is_anonymous
