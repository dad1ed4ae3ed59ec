"""What one does to an identifier by hand: move it, end it, confirm it where one works; and what is said before a merge."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account, AuditEntry, Channel, Membership
from contacts import code_senders
from contacts.claims import Address
from contacts.ending_identifiers import end_identifier, restore_value
from contacts.matching import Recognition
from contacts.merging import Refused
from contacts.models import Contact, Identifier, MatchDecision
from contacts.moving_identifiers import move_back, move_identifier
from contacts.queries import holders_of, panel
from inbox.adapters import InboundMessage
from inbox.receiving import receive
from tests.conftest import make_channel
from tests.contacts.pairs import ask
from tests.contacts.stories import at, claim, identifier_of, person, writes
from tests.contacts.test_verifying import Carrier

pytestmark = pytest.mark.usefixtures("scoped")
IN_PLACE = {"HX-Request": "true"}


@pytest.fixture
def ana(web: Channel) -> Recognition:
    """Typed a phone that is somebody else's."""
    return writes(web, "v-1", name="Ana Soto", phone="981234567")


@pytest.fixture
def eva(mail: Channel) -> Recognition:
    return writes(mail, "eva@ejemplo.cl", 1, name="Eva Díaz")


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    carrier = Carrier()
    monkeypatch.setitem(code_senders._senders, carrier.name, carrier)
    return carrier


def url(account: Account, name: str, *args: int) -> str:
    return reverse(f"contacts:{name}", args=[account.slug, *args])


def holders() -> list[Contact]:
    phone = Identifier.scoped().filter(kind="phone", valid_to=None)
    return list(Contact.scoped().filter(profiles__identifiers__in=phone).distinct())


class TestMoving:
    def test_it_is_found_moved_and_taken_back(
        self, supervisor_client: Client, account: Account, ana: Recognition, eva: Recognition
    ) -> None:
        phone = identifier_of(ana.profile, "phone")
        page = url(account, "move_identifier", ana.contact.pk, phone.pk)
        assert page in supervisor_client.get(url(account, "contact", ana.contact.pk)).content.decode()
        assert [row.contact for row in supervisor_client.get(page, {"q": "eva"}).context["rows"]] == [eva.contact]
        assert supervisor_client.get(page, {"q": "ana soto"}).context["rows"] == []

        moved = supervisor_client.post(page, {"to": eva.contact.pk}, follow=True)

        assert holders() == [eva.contact]
        back = url(account, "move_back", Identifier.scoped().get(kind="phone", valid_to=None).pk)
        assert back in moved.content.decode()
        supervisor_client.post(back)
        assert holders() == [ana.contact]
        assert Contact.scoped().get(pk=ana.contact.pk).name == "Ana Soto"

    def test_taking_it_back_twice_or_after_it_went_on_is_refused(self, ana: Recognition, eva: Recognition, supervisor: Membership) -> None:
        by = person(supervisor)
        with pytest.raises(Refused):
            move_back(identifier=identifier_of(ana.profile, "phone"), by=by)
        moved = move_identifier(identifier=identifier_of(ana.profile, "phone"), to=eva.contact, by=by)
        assert move_back(identifier=moved, by=by) == ana.contact
        with pytest.raises(Refused):
            move_back(identifier=moved, by=by)
        # And forth again: it is one row each time.
        again = move_identifier(identifier=identifier_of(ana.profile, "phone"), to=eva.contact, by=by)
        assert again == moved
        assert holders() == [eva.contact]

    def test_nobody_moves_to_nobody_or_to_themselves(
        self, supervisor_client: Client, agent_client: Client, account: Account, ana: Recognition
    ) -> None:
        page = url(account, "move_identifier", ana.contact.pk, identifier_of(ana.profile, "phone").pk)
        assert supervisor_client.post(page, {"to": "0"}).status_code == 404
        assert 'class="toast error"' in supervisor_client.post(page, {"to": ana.contact.pk}, follow=True).content.decode()
        assert agent_client.post(page, {"to": ana.contact.pk}).status_code == 403
        assert holders() == [ana.contact]


class TestEnding:
    def test_an_agent_ends_it_and_takes_that_back(self, agent_client: Client, account: Account, ana: Recognition) -> None:
        phone = identifier_of(ana.profile, "phone")
        answer = agent_client.post(url(account, "end_identifier", ana.contact.pk, phone.pk), follow=True)
        restore = url(account, "restore_identifier", ana.contact.pk, phone.pk)
        assert answer.content.decode().count(restore) == 2  # the toast's undo, and the button on its line
        phone.refresh_from_db()
        assert phone.end_reason == "retired"
        agent_client.post(restore)
        phone.refresh_from_db()
        assert (phone.valid_to, phone.end_reason) == (None, "")
        assert [entry.action for entry in AuditEntry.scoped().filter(action__startswith="identifier.").order_by("pk")] == [
            "identifier.end",
            "identifier.restore",
        ]

    def test_a_number_ends_with_its_whatsapp_id_and_recognises_nobody(self, scoped: Account, web: Channel, agent: Membership) -> None:
        ana = writes(make_channel(scoped, "whatsapp"), "56981234567", name="Ana Soto")
        ended = end_identifier(identifier=identifier_of(ana.profile, "whatsapp"), by=person(agent))
        assert len(ended) == 2
        assert writes(web, "v-2", 1, phone="981234567").contact != ana.contact
        with pytest.raises(Refused):
            end_identifier(identifier=identifier_of(ana.profile, "phone"), by=person(agent))
        restore_value(identifier=identifier_of(ana.profile, "phone"), by=person(agent))
        assert ana.contact in holders_of("+56981234567")


class TestConfirmingInPlace:
    def test_a_code_goes_out_and_comes_back_beside_the_conversation(
        self, agent_client: Client, account: Account, ana: Recognition, carrier: Carrier
    ) -> None:
        phone = identifier_of(ana.profile, "phone")
        here = {**IN_PLACE, "HX-Target": f"verify-{phone.pk}"}
        sent = agent_client.post(url(account, "send_code", ana.contact.pk, phone.pk), {"sender": "test"}, headers=here)
        confirm = url(account, "confirm_code", ana.contact.pk, phone.pk)
        assert confirm in sent.content.decode()
        assert "<html" not in sent.content.decode()

        wrong = agent_client.post(confirm, {"code": "no"}, headers=here)
        assert 'class="toast error"' in wrong.content.decode()
        right = agent_client.post(confirm, {"code": carrier.sent[0][1]}, headers=here)
        assert "HX-Trigger" not in right.headers
        phone.refresh_from_db()
        assert phone.certainty == "verified"
        assert url(account, "send_code", ana.contact.pk, phone.pk) not in right.content.decode()

    def test_the_panel_offers_it_only_where_there_is_something_to_confirm(
        self, ana: Recognition, agent: Membership, carrier: Carrier
    ) -> None:
        by_kind = {line.kind: line for line in panel(ana.contact.pk, membership=agent).identifiers}
        assert [sender.name for sender in by_kind["phone"].senders] == ["test"]
        assert by_kind["visitor"].senders == ()
        Identifier.scoped().update(certainty="verified")
        assert all(not line.senders for line in panel(ana.contact.pk, membership=agent).identifiers)


def test_the_panel_names_nobody_twice(web: Channel, ana: Recognition, agent: Membership) -> None:
    other = writes(web, "v-2", 1, name="Ana S.")
    apart = [{"contact": other.contact.pk, "why": "name_conflict", "profiles": [other.profile.pk]}]
    MatchDecision.objects.create(profile=ana.profile, outcome="suggested", rule="x", unified=True, evidence={"apart": apart})
    assert [notice.contact for notice in panel(ana.contact.pk, membership=agent).apart_notices] == [other.contact]
    ask(ana, other)
    shown = panel(ana.contact.pk, membership=agent)
    assert shown.apart_notices == []
    assert [row["contact"] for card in shown.cards if card.name == "duplicates" for row in card.data["rows"]] == [other.contact]


def test_open_conversations_are_named_before_a_merge_by_hand(supervisor_client: Client, account: Account, mail: Channel) -> None:
    for name in ("ana", "eva"):
        sender = Address("email", f"{name}@ejemplo.cl")
        receive(
            channel=mail, inbound=InboundMessage(provider_id=name, sender=sender, occurred_at=at(0), claim=claim(name=name), body="Hola")
        )
    ours, theirs = Contact.scoped().order_by("pk")
    page = supervisor_client.get(url(account, "merge", ours.pk), {"with": theirs.pk})
    assert [concern.name for concern in page.context["concerns"]] == ["open_conversations"]
    assert str(page.context["concerns"][0].text) in page.content.decode()
