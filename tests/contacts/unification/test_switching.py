"""The switch: what it joins, what it gives back, and what it leaves alone."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.actors import Actor
from accounts.changing_settings import change_settings
from accounts.models import Account, AuditEntry, Membership
from accounts.scope import account_scope
from contacts.marking import mark_shared
from contacts.merging import merge, unmerge
from contacts.models import Contact, MergeEvent, MergeSuggestion, NeverMerge, Profile, UnificationRun
from contacts.unification.switching import Mode, ask_for_preview, carry_out, mode_of, switch, try_again
from tests.conftest import make_account, make_channel, make_member
from tests.contacts.stories import grouping, identifier_of, members, person, writes

pytestmark = pytest.mark.usefixtures("db")
Channels = dict[str, Any]


@pytest.fixture
def standard() -> Account:
    return make_account("plaza", unification_enabled=False)


@pytest.fixture
def admin(standard: Account) -> Membership:
    return make_member(standard, "admin")


def channels_of(account: Account) -> Channels:
    return {kind: make_channel(account, kind) for kind in ("email", "whatsapp", "webchat", "instagram")}


def turn(account: Account, by: Membership, enabled: bool, *, gives_back: bool = True) -> UnificationRun:
    account.refresh_from_db()
    run = switch(account=account, enabled=enabled, by=person(by), gives_back=gives_back)
    assert run is not None
    carry_out(run_id=run.pk)
    run.refresh_from_db()
    account.refresh_from_db()
    assert (run.state, run.error) == ("done", "")
    return run


def preview(account: Account, by: Membership) -> dict[str, Any]:
    run = ask_for_preview(account=account, by=person(by))
    carry_out(run_id=run.pk)
    run.refresh_from_db()
    assert run.state == "done"
    return run.figures


def test_on_joins_who_has_one_email_or_phone_and_off_gives_everybody_back(standard: Account, admin: Membership) -> None:
    with account_scope(standard):
        on = channels_of(standard)
        writes(on["email"], "ana@correo.cl", 0, name="Ana Soto")
        writes(on["webchat"], "v-1", 30, name="Ana", email="Ana@correo.cl", phone="981234567")
        writes(on["whatsapp"], "56981234567", 60, name="Ana S.")
        writes(on["instagram"], "1784", 61, name="Ana Soto")
        before, as_shown = grouping(), {c.pk: c.name for c in Contact.scoped().filter(is_empty=False)}

        run = turn(standard, admin, True)

        assert (run.figures["joined"], run.figures["contacts_before"], run.figures["contacts_after"]) == (2, 3, 1)
        assert grouping() == {frozenset({"email ana@correo.cl", "webchat v-1", "whatsapp 56981234567"}), frozenset({"instagram 1784"})}
        assert [event.cause for event in MergeEvent.scoped()] == ["switch"]
        assert Contact.scoped().get(is_empty=False, profiles__channel=on["email"], profiles__address="ana@correo.cl").name == "Ana Soto"

        run = turn(standard, admin, False)

        assert run.figures["given_back"] == 2
        assert grouping() == before
        assert {c.pk: c.name for c in Contact.scoped().filter(is_empty=False)} == as_shown
        assert not NeverMerge.scoped().exists()


def test_on_joins_the_episodes_of_one_address(standard: Account, admin: Membership) -> None:
    with account_scope(standard):
        on = channels_of(standard)
        first, later = writes(on["instagram"], "1784", 0), writes(on["instagram"], "1784", 25)
        assert first.contact.pk != later.contact.pk

        turn(standard, admin, True)

        assert members(first.contact) == {first.profile.pk, later.profile.pk}


def test_two_people_in_one_browser_stay_two(standard: Account, admin: Membership) -> None:
    with account_scope(standard):
        on = channels_of(standard)
        ana = writes(on["webchat"], "v-1", 0, name="Ana Soto", email="ana@correo.cl")
        luis = writes(on["webchat"], "v-1", 1, name="Luis Rojas", email="luis@correo.cl")
        assert ana.profile.pk != luis.profile.pk

        turn(standard, admin, True)

        assert len(grouping()) == 1  # one address, and yet:
        assert Profile.scoped().get(pk=ana.profile.pk).contact_id != Profile.scoped().get(pk=luis.profile.pk).contact_id


def test_what_arrives_while_it_is_on_goes_home_when_it_is_off(standard: Account, admin: Membership) -> None:
    with account_scope(standard):
        on = channels_of(standard)
        first = writes(on["email"], "ana@correo.cl", 0, name="Ana Soto")
        turn(standard, admin, True)
        second = writes(on["webchat"], "v-1", 1, name="Ana", email="ana@correo.cl")
        assert second.contact.pk == first.contact.pk

        turn(standard, admin, False)

        assert members(first.contact) == {first.profile.pk}
        assert members(Profile.scoped().get(pk=second.profile.pk).contact) == {second.profile.pk}


def test_off_keeps_the_contacts_where_the_admin_wants_it(standard: Account, admin: Membership) -> None:
    with account_scope(standard):
        on = channels_of(standard)
        first = writes(on["email"], "ana@correo.cl", 0)
        second = writes(on["webchat"], "v-1", 1, email="ana@correo.cl")
        turn(standard, admin, True)

        turn(standard, admin, False, gives_back=False)

        assert members(first.contact) == {first.profile.pk, second.profile.pk}
        assert standard.unification_enabled is False


def test_off_leaves_what_people_joined_and_parted(standard: Account, admin: Membership) -> None:
    with account_scope(standard):
        on = channels_of(standard)
        ana = writes(on["email"], "ana@correo.cl", 0)
        chat = writes(on["webchat"], "v-1", 1, email="ana@correo.cl")
        friend = writes(on["instagram"], "1784", 2)
        pedro, pedro_chat = writes(on["email"], "pedro@correo.cl", 3), writes(on["webchat"], "v-2", 4, email="pedro@correo.cl")
        turn(standard, admin, True)
        # Two records that the rule joined, and one that a person added; a third pair that a person parted.
        merge(contacts=[Contact.scoped().get(pk=ana.contact.pk), friend.contact], by=person(admin))
        unmerge(contact=Contact.scoped().get(pk=pedro.contact.pk), profiles=[pedro_chat.profile], by=person(admin))

        turn(standard, admin, False)

        assert members(ana.contact) == {ana.profile.pk, friend.profile.pk}
        assert members(Profile.scoped().get(pk=chat.profile.pk).contact) == {chat.profile.pk}
        assert NeverMerge.scoped().count() == 1

        turn(standard, admin, True)

        assert members(ana.contact) == {ana.profile.pk, chat.profile.pk, friend.profile.pk}
        assert members(pedro.contact) == {pedro.profile.pk}


def test_protections_hold_in_preview_and_switch_alike(standard: Account, admin: Membership) -> None:
    with account_scope(standard):
        change_settings(account=standard, changes={"name_conflict": "suggest"}, by=person(admin))
        on = channels_of(standard)
        # Two relatives on one phone, a switchboard, a value that people marked, a pair that people parted.
        writes(on["webchat"], "v-1", 0, name="María Pérez", phone="981234567")
        writes(on["webchat"], "v-2", 1, name="José Pérez", phone="981234567")
        for number, name in enumerate(["Ana Soto", "Luis Rojas", "Eva Lillo", "Tomás Vera", "Iván Mora", "Rita Pino", "Olga Ruiz"]):
            writes(on["webchat"], f"s-{number}", number, name=name, phone="223456700")
        shared = writes(on["webchat"], "m-1", 0, name="Familia", email="familia@correo.cl")
        writes(on["webchat"], "m-2", 1, name="Familia", email="familia@correo.cl")
        mark_shared(identifier=identifier_of(shared.profile, "email"), by=person(admin))
        before = grouping()

        figures = preview(standard, admin)
        assert grouping() == before
        turn(standard, admin, True)

        assert grouping() == before
        assert (figures["contacts_before"], figures["contacts_after"], figures["review"]) == (11, 11, 1)
        assert {(value["value"], value["is_marked"]) for value in figures["shared"]} == {
            ("+56223456700", False),
            ("familia@correo.cl", True),
        }
        assert [suggestion.origin for suggestion in MergeSuggestion.scoped()] == ["name_conflict"]


def test_an_account_that_trusts_no_claim_is_asked_about_them(standard: Account, admin: Membership) -> None:
    with account_scope(standard):
        change_settings(account=standard, changes={"claimed_suggests_only": True}, by=person(admin))
        on = channels_of(standard)
        attested = writes(on["whatsapp"], "56981234567", 0, name="Ana Soto")
        typed = writes(on["webchat"], "v-1", 1, name="Ana", phone="981234567")
        writes(on["webchat"], "v-2", 2, name="Luis Rojas", email="luis@correo.cl")
        writes(on["webchat"], "v-3", 3, name="Luis", email="luis@correo.cl")

        turn(standard, admin, True)

        assert members(attested.contact) == {attested.profile.pk, typed.profile.pk}
        assert len(grouping()) == 3
        assert [suggestion.origin for suggestion in MergeSuggestion.scoped()] == ["claimed"]


def test_the_preview_says_what_the_switch_then_does(standard: Account, admin: Membership) -> None:
    with account_scope(standard):
        on = channels_of(standard)
        for number in range(4):
            writes(on["email"], f"p{number}@correo.cl", number, name=f"Persona {number}")
            writes(on["webchat"], f"v-{number}", number + 1, email=f"p{number}@correo.cl")
        writes(on["instagram"], "1784", 9, name="Sin datos")

        figures = preview(standard, admin)
        shown = Contact.scoped().filter(is_empty=False, is_anonymous=False)
        assert figures["contacts_before"] == shown.count() == 8
        assert (figures["groups"], figures["several_channels"], figures["unrecognisable"], figures["people"]) == (4, 4, 1, 9)
        assert figures["examples"][0]["value"].endswith("@correo.cl")
        turn(standard, admin, True)

        assert shown.count() == figures["contacts_after"] == 4


def test_the_last_word_counts_by_whatever_door(standard: Account, admin: Membership) -> None:
    with account_scope(standard):
        on = channels_of(standard)
        writes(on["email"], "ana@correo.cl", 0)
        writes(on["webchat"], "v-1", 1, email="ana@correo.cl")
        before = grouping()
        change_settings(account=standard, changes={"unification_enabled": True}, by=person(admin))
        standard.refresh_from_db()
        assert mode_of(standard) == Mode.SWITCHING_ON

        back = switch(account=standard, enabled=False, by=person(admin))

        standard.refresh_from_db()
        assert mode_of(standard) == Mode.SWITCHING_OFF
        for run in UnificationRun.scoped().order_by("pk"):
            carry_out(run_id=run.pk)
        assert list(UnificationRun.scoped().order_by("pk").values_list("kind", "state")) == [("on", "cancelled"), ("off", "done")]
        assert back is not None
        assert grouping() == before


def test_a_switch_waits_until_the_one_before_has_let_go(standard: Account, admin: Membership) -> None:
    with account_scope(standard):
        first = switch(account=standard, enabled=True, by=person(admin))
        assert first is not None
        UnificationRun.scoped().filter(pk=first.pk).update(state="running", beat_at=timezone.now())
        standard.refresh_from_db()
        back = switch(account=standard, enabled=False, by=person(admin))
        assert back is not None

        carry_out(run_id=back.pk)
        assert UnificationRun.scoped().get(pk=back.pk).state == "queued"

        UnificationRun.scoped().filter(pk=first.pk).update(finished_at=timezone.now())
        carry_out(run_id=back.pk)
        assert UnificationRun.scoped().get(pk=back.pk).state == "done"


def test_nobody_else_switches(standard: Account) -> None:
    with account_scope(standard):
        supervisor = Actor.person(make_member(standard, "supervisor"))
        with pytest.raises(PermissionDenied):
            switch(account=standard, enabled=True, by=supervisor)
        with pytest.raises(PermissionDenied):
            ask_for_preview(account=standard, by=supervisor)
        standard.refresh_from_db()
        assert standard.unification_enabled is False
        assert not UnificationRun.scoped().exists()


def test_a_run_that_lost_its_worker_is_taken_up_again(standard: Account, admin: Membership) -> None:
    with account_scope(standard):
        on = channels_of(standard)
        first, _ = writes(on["email"], "ana@correo.cl", 0), writes(on["webchat"], "v-1", 1, email="ana@correo.cl")
        run = switch(account=standard, enabled=True, by=person(admin))
        assert run is not None
        UnificationRun.scoped().filter(pk=run.pk).update(state="running", beat_at="2026-01-01T00:00Z")

        carry_out(run_id=run.pk)
        carry_out(run_id=run.pk)

        run.refresh_from_db()
        assert (run.state, len(members(first.contact))) == ("done", 2)
        assert MergeEvent.scoped().count() == 1
        assert try_again(by=person(admin)) is None
        assert AuditEntry.objects.filter(action="unification.finish").count() == 1


# Channel, whose address, which email they leave, after how many hours.
Told = tuple[str, int, int | None, int]
EMAILS = ["a@correo.cl", "b@correo.cl", "c@correo.cl"]
messages = st.lists(
    st.tuples(st.sampled_from(["webchat", "instagram", "email"]), st.integers(0, 3), st.none() | st.integers(0, 2), st.integers(0, 20)),
    min_size=2,
    max_size=8,
)


@settings(
    max_examples=max(settings.default.max_examples // 3, 5),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=messages, cut=st.integers(0, 8))
def test_law_8_on_and_off_and_on_again_give_what_each_mode_would_have_given(history: list[Told], cut: int) -> None:
    def tell(part: list[Told], on: Channels) -> None:
        for kind, address, email, hours in part:
            # Within a day: the rule of the silence is the other mode's own.
            said = {"email": EMAILS[email]} if email is not None else {}
            writes(on[kind], f"p{address}@correo.cl" if kind == "email" else str(address), hours, **said)

    always = make_account("ley", unification_enabled=True)
    with account_scope(always):
        tell(history, channels_of(always))
        unified = grouping()
    never = make_account("ley", unification_enabled=False)
    with account_scope(never):
        tell(history, channels_of(never))
        apart = grouping()
    switched = make_account("ley", unification_enabled=False)
    admin = make_member(switched, "admin")
    with account_scope(switched):
        on = channels_of(switched)
        tell(history[:cut], on)
        turn(switched, admin, True)
        switched.refresh_from_db()
        tell(history[cut:], on)
        assert grouping() == unified
        turn(switched, admin, False)
        assert grouping() == apart
        turn(switched, admin, True)
        assert grouping() == unified
