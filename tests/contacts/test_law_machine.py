"""The laws while everything happens in any order: messages, late identifiers, merges, separations, splits, "never merge", the switch,
erasure."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from accounts.actors import SYSTEM
from accounts.scope import account_scope
from contacts.erasing import erase
from contacts.merging import Refused, merge, oldest_home, undo, unmerge
from contacts.models import Contact, Identifier, MergeEvent, NeverMerge, Profile, ProfileMove
from contacts.splitting import split_off
from contacts.telling_apart import tell_apart
from contacts.unification.switching import carry_out, switch
from tests.conftest import make_account, make_channel
from tests.contacts.stories import shown, tells, writes

pytestmark = [pytest.mark.usefixtures("db"), pytest.mark.slow]
EMAILS = ["a@ejemplo.cl", "b@ejemplo.cl", "c@ejemplo.cl", ""]
PHONES = ["981234567", "+56 9 7123 4567", ""]
NAMES = ["", "Ana", "Anita Soto", "Raúl"]
ADDRESSES = [("webchat", "v1"), ("webchat", "v2"), ("email", "a@ejemplo.cl"), ("email", "d@ejemplo.cl"), ("whatsapp", "56981234567")]
some = st.integers(0, 50)


class People(RuleBasedStateMachine):
    """One account. Numbers stand for whoever is there: the n-th profile, contact or event, counted round."""

    def __init__(self) -> None:
        super().__init__()
        self.account = make_account("leyes", unification_enabled=True)
        self.scope = account_scope(self.account)
        self.scope.__enter__()
        self.channels: dict[str, Any] = {kind: make_channel(self.account, kind) for kind in ("webchat", "email", "whatsapp")}
        self.hours = 0

    def teardown(self) -> None:
        self.scope.__exit__(None, None, None)

    def nth(self, rows: Any, number: int) -> Any:
        found = list(rows.order_by("pk"))
        return found[number % len(found)]

    def people(self) -> Any:
        return Profile.scoped().filter(corrects=None, erased_at=None)

    def contacts(self) -> Any:
        return Contact.scoped().filter(is_empty=False, is_erased=False)

    def placed(self) -> dict[int, int]:
        return dict(Profile.scoped().values_list("pk", "contact_id"))

    @initialize()
    def somebody_writes(self) -> None:
        writes(self.channels["webchat"], "v0", 0, name="Ana", email="a@ejemplo.cl")
        writes(self.channels["webchat"], "v9", 0, name="Eva")

    @rule(address=st.sampled_from(ADDRESSES), email=st.sampled_from(EMAILS), phone=st.sampled_from(PHONES), name=st.sampled_from(NAMES))
    def message(self, address: tuple[str, str], email: str, phone: str, name: str) -> None:
        self.hours += 1
        before = {frozenset(pair) for pair in NeverMerge.scoped().values_list("low_id", "high_id")}
        writes(self.channels[address[0]], address[1], self.hours, email=email, phone=phone, name=name)
        # Law 5: no message lifts the mark.
        assert before <= {frozenset(pair) for pair in NeverMerge.scoped().values_list("low_id", "high_id")}

    @rule(who=some, email=st.sampled_from(EMAILS[:3]))
    def late_identifier(self, who: int, email: str) -> None:
        self.hours += 1
        tells(self.nth(self.people(), who), self.hours, email=email)

    @rule(one=some, other=some)
    def merging_and_undoing_gives_the_same_state(self, one: int, other: int) -> None:
        """Law 1."""
        contacts = [self.nth(self.contacts(), number) for number in (one, other)]
        state = self.placed(), shown()
        try:
            event = merge(contacts=contacts, by=SYSTEM)
        except Refused:
            assert contacts[0] == contacts[1]
            return
        # Law 2: the oldest home, whoever was named first.
        assert (event.contact.born_at, event.contact_id) == min((contact.born_at, contact.pk) for contact in contacts)
        undo(event=event, by=SYSTEM)
        assert (self.placed(), shown()) == state

    @rule(one=some, other=some)
    def merge(self, one: int, other: int) -> None:
        contacts = [self.nth(self.contacts(), number) for number in (one, other)]
        if contacts[0] != contacts[1]:
            merge(contacts=contacts, by=SYSTEM)

    @rule(who=some)
    def separate(self, who: int) -> None:
        profile = self.nth(self.people(), who)
        try:
            unmerge(contact=Contact.scoped().get(profiles=profile), profiles=[profile], by=SYSTEM)
        except Refused:
            assert Profile.scoped().filter(contact=profile.contact_id).count() == 1

    @precondition(lambda self: MergeEvent.scoped().exists())
    @rule(which=some)
    def undo_something(self, which: int) -> None:
        with suppress(Refused):
            undo(event=self.nth(MergeEvent.scoped(), which), by=SYSTEM)

    @rule(who=some)
    def split(self, who: int) -> None:
        profile = self.nth(self.people(), who)
        new, _event = split_off(profiles=[profile], by=SYSTEM)
        assert new[profile.pk].contact_id != profile.contact_id

    @rule(one=some, other=some)
    def never_merge(self, one: int, other: int) -> None:
        contacts = [self.nth(self.contacts(), number) for number in (one, other)]
        if contacts[0] != contacts[1]:
            tell_apart(contacts=contacts, by=SYSTEM)

    @rule()
    def switch(self) -> None:
        """Law 8: what people did stays; only what the rule joined may be given back."""
        by_hand = set(ProfileMove.scoped().exclude(event__cause__in=("unified", "switch")).values_list("pk", flat=True))
        self.account.refresh_from_db()
        run = switch(account=self.account, enabled=not self.account.unification_enabled, by=SYSTEM)
        assert run is not None
        carry_out(run_id=run.pk)
        run.refresh_from_db()
        assert (run.state, run.error) == ("done", "")
        assert by_hand <= set(ProfileMove.scoped().values_list("pk", flat=True))

    @precondition(lambda self: self.people().count() > 2)
    @rule(who=some)
    def erase(self, who: int) -> None:
        profile = self.nth(self.people(), who)
        others = dict(Profile.scoped().exclude(pk=profile.pk).values_list("pk", "contact_id"))
        erase(profiles=[profile], by=SYSTEM)
        assert not Identifier.scoped().filter(profile=profile).exists()
        assert dict(Profile.scoped().filter(pk__in=others).values_list("pk", "contact_id")) == others

    @invariant()
    def what_was_erased_says_nothing(self) -> None:
        for profile in Profile.scoped().exclude(erased_at=None):
            assert (profile.address, profile.given, profile.later, profile.is_current) == ("", {}, {}, False)
        for contact in Contact.scoped().filter(is_erased=True):
            assert (contact.name, contact.fields, contact.search_text, contact.is_anonymous) == ("", {}, "", True)

    @invariant()
    def whoever_belongs_together_shows_the_oldest_home(self) -> None:
        for contact in Contact.scoped():
            profiles = list(Profile.scoped().filter(contact=contact))
            assert contact.is_empty is (not profiles)
            if profiles:
                assert oldest_home(profiles) == contact.pk

    @invariant()
    def never_merge_holds(self) -> None:
        """Law 5."""
        for pair in NeverMerge.scoped().select_related("low", "high"):
            assert pair.low.contact_id != pair.high.contact_id

    @invariant()
    def the_history_tells_how_everybody_got_where_they_are(self) -> None:
        """Law 8."""
        for profile in Profile.scoped():
            place = None
            for move in ProfileMove.scoped().filter(profile=profile).order_by("event_id"):
                assert place in (None, move.from_contact_id)
                place = move.to_contact_id
            assert place in (None, profile.contact_id)

    @invariant()
    def one_profile_of_an_address_is_current(self) -> None:
        for channel_id, address in set(self.people().exclude(address="").values_list("channel_id", "address")):
            assert self.people().filter(channel=channel_id, address=address, is_current=True).count() == 1


def test_the_laws_hold_whatever_happens_in_whatever_order() -> None:
    run_state_machine_as_test(
        People,
        settings=settings(
            max_examples=max(settings.default.max_examples // 5, 4),
            stateful_step_count=12 if settings.default.max_examples < 100 else 40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
