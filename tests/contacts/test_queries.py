"""What the panel, the page, the directory and the search read."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from contacts import cards
from contacts.merging import merge, separate_and_mark_shared, undo
from contacts.models import Contact, MergeSuggestion
from contacts.queries import (
    contact_page,
    directory,
    holders_of,
    identifiers_of,
    live_contact,
    panel,
    search,
)
from tests.conftest import make_channel
from tests.contacts.stories import person, writes


def test_an_emptied_contact_leads_to_the_survivor_and_lives_again_after_undo(mail: Channel, supervisor: Membership) -> None:
    ana, otra = writes(mail, "ana@ejemplo.cl", name="Ana"), writes(mail, "otra@ejemplo.cl", 1, name="Anita")
    event = merge(contacts=[ana.contact, otra.contact], by=person(supervisor))

    assert live_contact(otra.contact.pk) == ana.contact
    assert contact_page(ana.contact.pk, membership=supervisor).aliases == [otra.contact.pk]
    assert panel(otra.contact.pk, membership=supervisor).contact == ana.contact

    undo(event=event, by=person(supervisor))
    assert live_contact(otra.contact.pk) == otra.contact
    assert contact_page(ana.contact.pk, membership=supervisor).aliases == []


def test_a_contact_of_another_account_does_not_exist(mail: Channel, other_account: Account, outsider: Membership) -> None:
    ana = writes(mail, "ana@ejemplo.cl")
    with account_scope(other_account):
        with pytest.raises(Contact.DoesNotExist):
            live_contact(ana.contact.pk)
        assert list(holders_of("ana@ejemplo.cl")) == []
        assert search("ana") == []


def test_a_whatsapp_number_is_one_line_with_the_phone_it_attests(web: Channel, whatsapp: Channel) -> None:
    writes(web, "visitor-1", phone="9 8123 4567", email="ana@ejemplo.cl")
    ana = writes(whatsapp, "56981234567", 1)

    lines = identifiers_of(ana.contact)

    assert [(line.kind, line.text, line.is_attested) for line in lines] == [
        ("whatsapp", "+56 9 8123 4567", True),
        ("email", "ana@ejemplo.cl", False),
        ("visitor", "Visitante web", True),
    ]
    assert len(lines[0].profile_ids) == 2


def test_the_panel_warns_of_a_value_that_two_people_use_and_names_the_profile_to_separate(web: Channel, agent: Membership) -> None:
    maria = writes(web, "visitor-1", name="María Pérez", phone="981234567")
    jose = writes(web, "visitor-2", 1, name="José Pérez", phone="981234567")
    writes(web, "visitor-3", 2, name="Mari", phone="981234567")

    (notice,) = panel(maria.contact.pk, membership=agent).shared_notices
    assert (notice.profile, notice.other_name, notice.names, notice.text) == (
        jose.profile,
        "José Pérez",
        ["María Pérez"],
        "+56 9 8123 4567",
    )

    separate_and_mark_shared(profile=notice.profile, identifier=notice.identifier, by=person(agent))
    assert panel(maria.contact.pk, membership=agent).shared_notices == []


def test_the_panel_shows_who_was_kept_apart_until_somebody_settles_it(web: Channel, scoped: Account, supervisor: Membership) -> None:
    Account.objects.filter(pk=scoped.pk).update(name_conflict="suggest")
    maria = writes(web, "visitor-1", name="María Pérez", phone="981234567")
    jose = writes(web, "visitor-2", 1, name="José Pérez", phone="981234567")

    # Suggested for the same reason: the card of possible duplicates names her, and nothing else does.
    shown = panel(jose.contact.pk, membership=supervisor)
    assert [row["contact"] for card in shown.cards if card.name == "duplicates" for row in card.data["rows"]] == [maria.contact]
    assert shown.apart_notices == []
    MergeSuggestion.scoped().delete()
    (notice,) = panel(jose.contact.pk, membership=supervisor).apart_notices
    assert notice.contact == maria.contact

    merge(contacts=[maria.contact, jose.contact], by=person(supervisor))
    assert panel(jose.contact.pk, membership=supervisor).apart_notices == []


def test_episodes_are_linked_both_ways(standard_account: Account) -> None:
    with account_scope(standard_account):
        channel = make_channel(standard_account, "whatsapp")
        membership = Membership()
        first, second = writes(channel, "56981234567"), writes(channel, "56981234567", 30)
        assert panel(second.contact.pk, membership=membership).former == [first.contact]
        assert panel(first.contact.pk, membership=membership).later == [second.contact]


def test_rooms_to_the_left_add_their_cards(mail: Channel, agent: Membership, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "_cards", {})
    cards.register(cards.PersonCard("b", "Segunda", "b.html", lambda *, contact, membership: {"id": contact.pk}, order=2))
    cards.register(cards.PersonCard("a", "Primera", "a.html", lambda *, contact, membership: {}, order=1))
    cards.register(cards.PersonCard("c", "Vacía", "c.html", lambda *, contact, membership: None))
    ana = writes(mail, "ana@ejemplo.cl")

    shown = panel(ana.contact.pk, membership=agent).cards

    assert [(card.name, card.data) for card in shown] == [("a", {}), ("b", {"id": ana.contact.pk})]


@pytest.mark.parametrize(
    "spelling", ["ana@ejemplo.cl", " ANA@Ejemplo.cl ", "+56 9 8123 4567", "9 8123 4567", "56981234567", "8123 4567", "visitor-1", "C-77"]
)
def test_any_kind_in_any_spelling_finds_the_contact(web: Channel, whatsapp: Channel, spelling: str) -> None:
    from contacts.claims import Claim, ClaimedIdentifier

    said = Claim(
        identifiers=(
            ClaimedIdentifier("email", "ana@ejemplo.cl"),
            ClaimedIdentifier("phone", "981234567"),
            ClaimedIdentifier("customer_number", "C-77"),
        ),
    )
    ana = writes(web, "visitor-1", said=said)
    writes(web, "visitor-2", email="otra@ejemplo.cl")
    assert list(holders_of(spelling)) == [ana.contact]


@pytest.mark.parametrize("nothing", ["", "  ", "nadie@ejemplo.cl", "+56 9 0000 0001", "\x00"])
def test_an_unknown_identifier_finds_nobody(web: Channel, nothing: str) -> None:
    writes(web, "visitor-1", email="ana@ejemplo.cl")
    assert list(holders_of(nothing)) == []


@pytest.mark.parametrize("words", ["mari", "pérez maría", "PEREZ", "8123 45", "ana@ejem", "+56 9 8123 4567", "9 8123 4567"])
def test_the_search_finds_names_and_identifiers(web: Channel, words: str) -> None:
    maria = writes(web, "visitor-1", name="María Pérez", phone="981234567", email="ana@ejemplo.cl")
    writes(web, "visitor-2", name="Zoe", phone="977777771")
    assert search(words) == [maria.contact]


@pytest.mark.parametrize("words", ["%", "_", "\\", "pérez zoe", "", "\x00"])
def test_signs_are_no_wildcards(web: Channel, words: str) -> None:
    writes(web, "visitor-1", name="María Pérez", phone="981234567")
    assert search(words) == []


def test_the_directory_pages_by_latest_activity_and_hides_visitors(mail: Channel, web: Channel) -> None:
    people = [writes(mail, f"p{number}@ejemplo.cl", number).contact for number in range(5)]
    writes(web, "visitor-1", 10)

    first = directory(limit=3)
    second = directory(limit=3, before=first.before)

    assert [*first.contacts, *second.contacts] == people[::-1]
    assert second.before == ""
    with pytest.raises(ValueError, match="isoformat"):
        directory(before="nada")


def _queries(function: object, *args: object, **options: object) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        function(*args, **options)  # type: ignore[operator]
    return len(captured)


def test_the_number_of_queries_does_not_grow(web: Channel, mail: Channel, supervisor: Membership) -> None:
    small = writes(web, "small-1", name="María", email="s@ejemplo.cl")
    writes(web, "small-2", name="José", email="s@ejemplo.cl")
    large = writes(web, "large-0", name="María", email="l@ejemplo.cl")
    for number in range(1, 20):
        writes(web, f"large-{number}", number, name=f"José {number}", email="l@ejemplo.cl", phone=f"9812345{number:02}")
    for contact in (small.contact, large.contact):
        extra = writes(mail, f"extra-{contact.pk}@ejemplo.cl", 3)
        merge(contacts=[contact, extra.contact], by=person(supervisor))

    # What a process remembers of an account is asked for once.
    panel(small.contact.pk, membership=supervisor)
    for read in (panel, contact_page):
        assert _queries(read, small.contact.pk, membership=supervisor) == _queries(read, large.contact.pk, membership=supervisor) <= 20
    assert _queries(directory, limit=2) == _queries(directory, limit=20) == 1
    assert _queries(search, "maria") <= 4


def test_a_page_has_its_profiles_and_its_history(web: Channel, mail: Channel, supervisor: Membership, agent: Membership) -> None:
    ana = writes(web, "visitor-1", name="Ana", email="ana@ejemplo.cl")
    letter = writes(mail, "otra@ejemplo.cl", 1, name="Ana S.")
    event = merge(contacts=[ana.contact, letter.contact], by=person(supervisor), reason="la misma")

    page = contact_page(letter.contact.pk, membership=supervisor)

    assert page.contact == ana.contact
    assert page.aliases == [letter.contact.pk]
    assert [(line.name, line.origin, line.channel_kind) for line in page.profiles] == [
        ("Ana", "Sitio", "webchat"),
        ("Ana S.", "Correo", "email"),
    ]
    (line,) = page.history
    assert (line.event, line.may_undo, line.is_undone, [move.profile for move in line.moved]) == (event, True, False, [letter.profile])
    assert not contact_page(ana.contact.pk, membership=agent).history[0].may_undo

    undo(event=event, by=person(supervisor))
    lines = contact_page(ana.contact.pk, membership=supervisor).history
    assert [(line.event.kind, line.is_undone) for line in lines] == [("unmerge", False), ("merge", True)]
