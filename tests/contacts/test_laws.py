"""The laws of identity as properties. Each example has a fresh account, so nothing has to be cleaned up."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.actors import SYSTEM
from accounts.models import Account
from accounts.scope import account_scope
from contacts.merging import Refused, merge, undo, unmerge
from contacts.models import Contact, MatchDecision, NeverMerge, Profile
from tests.conftest import make_account, make_channel
from tests.contacts.stories import grouping, shown, tells, writes

pytestmark = pytest.mark.usefixtures("db")
# An example opens an account and tells a story in it, so a third of the usual number has to do.
law = settings(
    max_examples=settings.default.max_examples // 3,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

EMAILS = ["a@ejemplo.cl", "B@ejemplo.cl", "c@ejemplo.cl"]
# One line each, in several spellings.
PHONES = [["981234567", "+56 9 8123 4567", "8123 4567"], ["+5215512345678", "+52 55 1234 5678"], ["+551187654321", "+55 11 98765-4321"]]
WHATSAPP = ["56981234567", "5215512345678", "551187654321"]


@dataclass(frozen=True)
class Event:
    """Somebody writes from an address; email and phone are what the message claims besides."""

    kind: str
    address: str
    email: int | None
    phone: tuple[int, int] | None
    hours: int

    def keys(self) -> set[str]:
        keys = {f"{self.kind} {self.address.lower()}"}
        if self.kind == "email":
            keys.add(f"email:{self.address.lower()}")
        if self.kind == "whatsapp":
            keys.add(f"phone:{WHATSAPP.index(self.address)}")
        if self.email is not None:
            keys.add(f"email:{EMAILS[self.email].lower()}")
        if self.phone is not None:
            keys.add(f"phone:{self.phone[0]}")
        return keys


addresses = st.one_of(
    st.tuples(st.just("email"), st.sampled_from(EMAILS)),
    st.tuples(st.just("whatsapp"), st.sampled_from(WHATSAPP)),
    st.tuples(st.just("webchat"), st.sampled_from(["visitor-1", "visitor-2", "visitor-3"])),
    st.tuples(st.just("instagram"), st.sampled_from(["1784", "1785"])),
)
events = st.builds(
    lambda address, email, phone, hours: Event(*address, email, phone, hours),
    addresses,
    st.none() | st.integers(0, 2),
    st.none() | st.tuples(st.integers(0, 2), st.integers(0, 1)),
    st.integers(0, 500),
)


@contextmanager
def fresh(**options: Any) -> Iterator[tuple[Account, dict[str, Any]]]:
    account = make_account("ley", **{"unification_enabled": True, **options})
    with account_scope(account):
        yield account, {kind: make_channel(account, kind) for kind in ("email", "whatsapp", "webchat", "instagram")}


def happen(event: Event, channels: dict[str, Any]) -> Any:
    email = EMAILS[event.email] if event.email is not None else ""
    phone = PHONES[event.phone[0]][event.phone[1]] if event.phone is not None else ""
    return writes(channels[event.kind], event.address, event.hours, email=email, phone=phone)


def people_of(history: list[Event]) -> set[frozenset[str]]:
    """The model: whoever is tied by an address, an email or a phone is one person."""
    groups: list[set[str]] = []
    for event in history:
        tied = [group for group in groups if group & event.keys()]
        groups = [group for group in groups if not group & event.keys()]
        groups.append(event.keys().union(*tied))
    normal = {"whatsapp 5215512345678": "whatsapp 525512345678", "whatsapp 551187654321": "whatsapp 5511987654321"}
    return {frozenset(normal.get(word, word) for word in group if " " in word) for group in groups}


@law
@given(history=st.lists(events, min_size=2, max_size=7), data=st.data())
def test_laws_4_and_7_one_email_or_phone_is_one_contact_in_any_order(history: list[Event], data: st.DataObject) -> None:
    for order in (history, data.draw(st.permutations(history))):
        with fresh() as (_account, channels):
            for event in order:
                happen(event, channels)
            assert grouping() == people_of(history)
            assert not MatchDecision.scoped().filter(outcome=MatchDecision.Outcome.SUGGESTED).exists()


def placed(profiles: list[Profile]) -> dict[int, int]:
    return dict(Profile.scoped().filter(pk__in=[profile.pk for profile in profiles]).values_list("pk", "contact_id"))


def persons(channels: dict[str, Any], count: int) -> list[Profile]:
    """People who have nothing in common; later ones may be older."""
    return [
        writes(channels["email"], f"p{n}@ejemplo.cl", (n * 37) % 11, name=f"Persona {n}", city=f"Ciudad {n}").profile for n in range(count)
    ]


pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=6)


@law
@given(edges=pairs, data=st.data())
def test_law_2_merging_is_commutative_and_associative(edges: list[tuple[int, int]], data: st.DataObject) -> None:
    outcomes = []
    for order in (edges, data.draw(st.permutations([edge[::-1] for edge in edges]))):
        with fresh() as (_account, channels):
            profiles = persons(channels, 5)
            homes = [Contact.objects.get(home_of=profile) for profile in profiles]
            for a, b in order:
                try:
                    merge(contacts=[homes[a], homes[b]], by=SYSTEM)
                except Refused:
                    assert placed(profiles)[profiles[a].pk] == placed(profiles)[profiles[b].pk]
            numbers = {home.pk: number for number, home in enumerate(homes)}
            after = placed(profiles)
            names = {numbers[pk]: (look["name"], look["is_empty"], look["search_text"]) for pk, look in shown().items()}
            outcomes.append(([numbers[after[profile.pk]] for profile in profiles], names))
    assert outcomes[0] == outcomes[1]


@law
@given(before=pairs, chosen=st.sets(st.integers(0, 4), min_size=2), data=st.data())
def test_law_1_undo_gives_the_same_state_whatever_happened_between(
    before: list[tuple[int, int]], chosen: set[int], data: st.DataObject
) -> None:
    with fresh() as (_account, channels):
        profiles = persons(channels, 5)
        homes = [Contact.objects.get(home_of=profile) for profile in profiles]
        for a, b in before[:2]:
            try:
                merge(contacts=[homes[a], homes[b]], by=SYSTEM)
            except Refused:
                continue
        state = placed(profiles), shown()
        try:
            event = merge(contacts=[homes[number] for number in sorted(chosen)], by=SYSTEM)
        except Refused:
            return
        for number in data.draw(st.lists(st.integers(0, 4), max_size=4)):
            writes(channels["email"], f"p{number}@ejemplo.cl", 100 + number, name=f"Persona {number}")

        undo(event=event, by=SYSTEM)

        assert (placed(profiles), shown()) == state


@law
@given(edges=pairs, data=st.data())
def test_law_1_everything_can_be_taken_apart_in_any_order(edges: list[tuple[int, int]], data: st.DataObject) -> None:
    with fresh() as (_account, channels):
        profiles = persons(channels, 5)
        homes = [Contact.objects.get(home_of=profile) for profile in profiles]
        state = placed(profiles), shown()
        done = []
        for a, b in edges:
            try:
                done.append(merge(contacts=[homes[a], homes[b]], by=SYSTEM))
            except Refused:
                continue
        for event in data.draw(st.permutations(done)):
            undo(event=event, by=SYSTEM)
        assert (placed(profiles), shown()) == state


@law
@given(merged=st.sets(st.integers(0, 4), min_size=2), parted=st.data())
def test_law_1_any_subset_can_be_separated(merged: set[int], parted: st.DataObject) -> None:
    with fresh() as (_account, channels):
        profiles = persons(channels, 5)
        homes = [Contact.objects.get(home_of=profile) for profile in profiles]
        state = placed(profiles), shown()
        merge(contacts=[homes[number] for number in merged], by=SYSTEM)
        left = sorted(merged)
        while len(left) > 1:
            subset = parted.draw(st.sets(st.sampled_from(left), min_size=1, max_size=len(left) - 1))
            contact = Profile.scoped().get(pk=profiles[left[0]].pk).contact
            unmerge(contact=contact, profiles=[profiles[number] for number in subset], by=SYSTEM)
            for number in subset if len(subset) > 1 else ():
                contact = Profile.scoped().get(pk=profiles[number].pk).contact
                if Profile.scoped().filter(contact=contact).count() > 1:
                    unmerge(contact=contact, profiles=[profiles[number]], by=SYSTEM)
            left = [number for number in left if number not in subset]
        assert (placed(profiles), shown()) == state


@law
@given(history=st.lists(events, min_size=1, max_size=4), later=st.lists(events, min_size=1, max_size=5), data=st.data())
def test_law_5_never_merge_holds_against_every_automatic_path(history: list[Event], later: list[Event], data: st.DataObject) -> None:
    with fresh() as (_account, channels):
        for event in history:
            happen(event, channels)
        everybody = list(Profile.scoped().order_by("pk"))
        profile = data.draw(st.sampled_from(everybody))
        try:
            unmerge(contact=profile.contact, profiles=[profile], by=SYSTEM)
        except Refused:
            return
        for event in later:
            found = happen(event, channels)
            if event.email is not None:
                tells(found.profile, event.hours, email=EMAILS[event.email])
        for pair in NeverMerge.scoped().select_related("low", "high"):
            assert pair.low.contact_id != pair.high.contact_id


@law
@given(history=st.lists(events, min_size=1, max_size=5))
def test_law_6_nothing_crosses_accounts(history: list[Event]) -> None:
    with fresh() as (_first, channels):
        for event in history:
            happen(event, channels)
        before = shown()
    with fresh() as (_second, others):
        for event in history:
            happen(event, others)
        assert grouping() == people_of(history)
        assert not set(before) & set(shown())
    with account_scope(_first):
        assert shown() == before


@law
@given(history=st.lists(events, min_size=1, max_size=5))
def test_in_standard_mode_only_the_address_counts(history: list[Event]) -> None:
    with fresh(unification_enabled=False, new_contact_after_hours=24 * 365) as (_account, channels):
        for event in history:
            happen(event, channels)
        assert all(len(group) == 1 for group in grouping())
        assert not Contact.scoped().filter(is_empty=True).exists()
