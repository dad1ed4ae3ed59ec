"""What a visitor may see and change: what the points shown in the visit lead to, and nothing else."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.actors import SYSTEM
from accounts.models import Account, AuditEntry, Channel, Membership
from consent.answering_requests import begin, carry_out
from consent.ledger import record
from consent.models import ConsentEvent, NoticeVersion, RightsRequest, Suppression
from consent.points import points_of_profile
from consent.portal.reach import reach_of
from consent.portal.visits import visit_of
from consent.vocabulary import Action, Origin
from contacts.marking import mark_shared
from contacts.merging import merge
from contacts.models import Certainty, Contact, Identifier, Profile
from tests.consent.portal.conftest import MARKETING, Visitor
from tests.contacts.stories import identifier_of, person, writes

pytestmark = pytest.mark.usefixtures("scope")


def reached(visitor: Visitor) -> set[int]:
    visit = visit_of(visitor.client.cookies["hilo_portal"].value)
    assert visit is not None
    return set(reach_of(visit).profile_ids)


def everything(visitor: Visitor) -> str:
    """All pages of a visit, as text."""
    names = ("home", "points", "data", "history", "requests", "preferences", "pause", "export", "erase", "not_me")
    return "\n".join(visitor.get(name).content.decode() for name in names)


def test_an_address_typed_in_a_web_chat_opens_nobodys_history(visitor: Visitor, ana: Profile, web: Channel) -> None:
    """Unified mode joins the chat to Ana's contact: whoever chats is not let in by it, and Ana does not see what they said."""
    chatting = writes(web, "visitor-1", hours=1, name="Impostora", email="ana@ejemplo.cl", city="Secretópolis").profile
    assert chatting.contact_id == Profile.scoped().get(pk=ana.pk).contact_id

    visitor.comes_in("ana@ejemplo.cl")

    assert reached(visitor) == {ana.pk}
    page = everything(visitor)
    assert "Valdivia" in page
    assert "Impostora" not in page
    assert "Secretópolis" not in page
    # That there is more is for the team to look at.
    visitor.post("export")
    assert RightsRequest.scoped().get().detail["beyond"] is True


def test_a_record_that_the_business_keeps_is_reached_by_its_address(visitor: Visitor, account: Account) -> None:
    contact = Contact.objects.create(born_at=timezone.now(), last_seen_at=timezone.now())
    profile = Profile.objects.create(
        contact=contact, home=contact, source="import", given={"name": "Eva"}, first_seen_at=timezone.now(), last_seen_at=timezone.now()
    )
    Identifier.objects.create(
        profile=profile,
        kind="email",
        raw="eva@ejemplo.cl",
        value="eva@ejemplo.cl",
        key="eva@ejemplo.cl",
        valid_from=timezone.now(),
        last_seen_at=timezone.now(),
    )

    visitor.comes_in("eva@ejemplo.cl")

    assert reached(visitor) == {profile.pk}


def test_at_a_shared_address_only_what_its_own_profile_gave_is_shown(
    visitor: Visitor, ana: Profile, whatsapp: Channel, web: Channel, agent: Membership
) -> None:
    family = writes(whatsapp, "56911112222", name="Familia Rojas", city="Osorno").profile
    contact = Contact.objects.create(born_at=timezone.now(), last_seen_at=timezone.now())
    daughter = Profile.objects.create(
        contact=contact,
        home=contact,
        source="crm",
        given={"name": "Hija", "city": "Lebu"},
        first_seen_at=timezone.now(),
        last_seen_at=timezone.now(),
    )
    Identifier.objects.create(
        profile=daughter,
        kind="phone",
        raw="+56911112222",
        value="+56911112222",
        key="+56911112222",
        valid_from=timezone.now(),
        last_seen_at=timezone.now(),
    )
    mark_shared(identifier=Identifier.scoped().filter(profile=family, kind="phone")[0], by=SYSTEM)

    visitor.comes_in("+56911112222")

    assert reached(visitor) == {family.pk}
    page = everything(visitor)
    assert "Osorno" in page
    assert "Lebu" not in page
    assert "Hija" not in page


def test_another_address_of_the_same_contact_is_not_even_hinted_at(visitor: Visitor, ana: Profile, whatsapp: Channel) -> None:
    """A merge may be wrong: the number is not on a profile that the visit reaches."""
    phone = writes(whatsapp, "56911112222", hours=1, name="Otra", city="Temuco").profile
    merge(contacts=[ana.contact, phone.contact], by=SYSTEM, cause="manual")

    visitor.comes_in("ana@ejemplo.cl")

    page = everything(visitor)
    assert "222" not in visitor.get("points").content.decode().partition("<main")[2].partition("<footer")[0]
    assert "Temuco" not in page
    assert "Otra" not in visitor.get("data").content.decode()

    visitor.shows_also("+56 9 1111 2222")

    assert reached(visitor) == {ana.pk, phone.pk}
    assert "Temuco" in everything(visitor)


def test_an_address_on_ones_own_profile_is_masked_until_it_is_shown(visitor: Visitor, whatsapp: Channel) -> None:
    profile = writes(whatsapp, "56911112222", name="Ana", email="ana.rojas@ejemplo.cl").profile
    visitor.comes_in("+56911112222")
    page = visitor.get("points").content.decode()
    assert "a•••@e•••.cl" in page
    assert "ana.rojas" not in everything(visitor)
    other = identifier_of(profile, "email")

    assert visitor.post("points", {"other": str(other.pk)}).status_code == 303
    visitor.work()
    assert visitor.carrier.letters[-1].to == "ana.rojas@ejemplo.cl"
    # A link would be opened anywhere; only this visit may show the address.
    assert visitor.carrier.letters[-1].link == ""
    assert visitor.post("code", {"code": visitor.carrier.letters[-1].code}).status_code == 303

    assert "ana.rojas@ejemplo.cl" in visitor.get("points").content.decode()


def test_somebody_elses_address_cannot_be_asked_for_by_its_number(visitor: Visitor, ana: Profile, whatsapp: Channel) -> None:
    stranger = writes(whatsapp, "56933334444", name="Beto", email="beto@ejemplo.cl").profile
    visitor.comes_in("ana@ejemplo.cl")

    assert visitor.post("points", {"other": str(identifier_of(stranger, "email").pk)}).status_code == 404
    assert len(visitor.carrier.letters) == 1


def test_a_new_address_becomes_ones_own_once_it_is_shown(visitor: Visitor, ana: Profile) -> None:
    visitor.comes_in("ana@ejemplo.cl")

    visitor.post("points", {"address": "+56 9 5555 6666"})
    visitor.work()
    assert not Identifier.scoped().filter(key__contains="55556666").exists()
    visitor.post("code", {"code": visitor.carrier.letters[-1].code})

    added = Identifier.scoped().get(kind="phone", key="+56955556666")
    assert added.certainty == Certainty.VERIFIED
    assert added.profile.contact_id == Profile.scoped().get(pk=ana.pk).contact_id
    assert "5555 6666" in visitor.get("points").content.decode()


def test_data_are_put_right_and_win(visitor: Visitor, ana: Profile) -> None:
    visitor.comes_in("ana@ejemplo.cl")

    response = visitor.post("data", {"name": "Ana María Rojas", "address": "Calle 1, Valdivia", "city": "Valdivia"})

    assert response["Location"].endswith("?done=corrected")
    contact = Contact.scoped().get(pk=ana.contact_id)
    assert contact.name == "Ana María Rojas"
    assert contact.fields["address"]["value"] == "Calle 1, Valdivia"
    request = RightsRequest.scoped().get()
    assert (request.kind, request.status, request.detail["fields"]) == ("rectification", "done", ["address", "name"])
    entries = AuditEntry.scoped().filter(action="contact.correct")
    assert {entry.actor_kind for entry in entries} == {"contact"}
    # As it was: nothing changes, and nothing is written down.
    assert visitor.post("data", {"name": "Ana María Rojas", "address": "Calle 1, Valdivia", "city": "Valdivia"}).status_code == 303
    assert RightsRequest.scoped().count() == 1
    # Taking a correction back shows what was said before.
    visitor.post("data", {"name": "", "address": "Calle 1, Valdivia", "city": "Valdivia"})
    assert Contact.scoped().get(pk=ana.contact_id).name == "Ana Rojas"


def test_history_shows_ones_own_entries_with_their_wording_and_a_receipt(
    visitor: Visitor, ana: Profile, notice: NoticeVersion, mailbox: Channel
) -> None:
    (linked,) = points_of_profile(ana)
    mine = record(
        ref=linked.ref,
        action=Action.GRANT,
        origin=Origin.MESSAGE,
        occurred_at=timezone.now() - timedelta(days=3),
        key="mine",
        profile=ana,
        channel="email",
        purpose=MARKETING,
        possession_proven=True,
        notice=notice,
        proof={"said": "ALTA, por favor"},
    )
    beto = writes(mailbox, "beto@ejemplo.cl", name="Beto").profile
    (other,) = points_of_profile(beto)
    theirs = record(
        ref=other.ref,
        action=Action.WITHDRAW,
        origin=Origin.MESSAGE,
        occurred_at=timezone.now(),
        key="theirs",
        profile=beto,
        purpose=MARKETING,
    )
    visitor.comes_in("ana@ejemplo.cl")

    page = visitor.get("history").content.decode()
    assert notice.text in page
    assert "ALTA, por favor" in page
    assert "beto" not in page

    receipt = visitor.get("receipt", event_id=mine.pk)
    text = receipt.content.decode()
    assert receipt["Content-Disposition"].startswith("attachment")
    assert receipt["Content-Type"].startswith("text/plain")
    for part in (notice.text, notice.sha256, "ALTA, por favor", "ana@ejemplo.cl", visitor.account.name, "Correo", "Español"):
        assert part in text
    assert visitor.get("receipt", event_id=theirs.pk).status_code == 404


@pytest.mark.parametrize(("page", "kind", "body"), [("export", "access", {}), ("erase", "erasure", {"understood": "yes"})])
def test_a_right_is_asked_for_once_and_its_due_day_is_shown(
    visitor: Visitor, ana: Profile, page: str, kind: str, body: dict[str, str]
) -> None:
    visitor.comes_in("ana@ejemplo.cl")

    for _time in range(2):
        assert visitor.post(page, body)["Location"] == visitor.url("requests") + "?done=asked"

    request = RightsRequest.scoped().get()
    assert (request.kind, request.status, request.source, request.profile_id) == (kind, "received", "portal", ana.pk)
    assert request.detail["profiles"] == [ana.pk]
    assert request.due_at > request.received_at
    assert [entry.action for entry in AuditEntry.scoped()] == ["rights_request.create"]
    shown = visitor.get("requests").content.decode()
    assert timezone.localtime(request.due_at).strftime("%Y") in shown
    assert {"access": "<b>Una copia de mis datos</b>", "erasure": "<b>Borrar mis datos</b>"}[kind] in shown


def test_erasure_says_what_is_kept_and_needs_a_tick(visitor: Visitor, ana: Profile) -> None:
    visitor.comes_in("ana@ejemplo.cl")
    assert "huella irreversible" in visitor.get("erase").content.decode()

    assert visitor.post("erase").status_code == 422

    assert not RightsRequest.scoped().exists()


def test_this_is_not_me_stops_everything_there_ends_the_visit_and_asks_the_team(visitor: Visitor, ana: Profile) -> None:
    visitor.comes_in("ana@ejemplo.cl")

    response = visitor.post("not_me")

    assert response.status_code == 303
    assert not visitor.is_in
    assert {row.reason for row in Suppression.scoped()} == {"wrong_person"}
    request = RightsRequest.scoped().get()
    assert (request.kind, request.detail["about"]) == ("objection", "wrong_person")
    event = ConsentEvent.scoped().get()
    assert (event.action, event.possession_proven) == ("suppress", True)


def test_the_same_pages_of_another_account_show_nothing(visitor: Visitor, ana: Profile, other_account: Account) -> None:
    visitor.comes_in("ana@ejemplo.cl")
    elsewhere = Visitor(other_account, visitor.carrier, visitor.client)

    for name in ("home", "points", "data", "history", "requests"):
        assert elsewhere.get(name).status_code == 302, name


def test_merging_later_does_not_open_more(visitor: Visitor, ana: Profile, whatsapp: Channel, supervisor: Membership) -> None:
    visitor.comes_in("ana@ejemplo.cl")
    stranger = writes(whatsapp, "56933334444", hours=2, name="Beto").profile
    merge(contacts=[ana.contact, stranger.contact], by=person(supervisor))

    assert reached(visitor) == {ana.pk}
    assert "Beto" not in everything(visitor)


def test_the_archive_is_fetched_only_by_a_visit_that_reaches_all_it_holds(
    visitor: Visitor, ana: Profile, whatsapp: Channel, admin: Membership
) -> None:
    phone = writes(whatsapp, "56911112222", hours=1, name="Ana Rojas").profile
    merge(contacts=[ana.contact, phone.contact], by=SYSTEM, cause="manual")
    visitor.comes_in("ana@ejemplo.cl")
    visitor.shows_also("+56911112222")
    visitor.post("export")
    request = RightsRequest.scoped().get()
    assert set(request.detail["profiles"]) == {ana.pk, phone.pk}
    assert visitor.get("archive", request_id=request.pk).status_code == 404

    begin(request=request, by=person(admin))
    carry_out(request_id=request.pk)

    assert visitor.url("archive", request_id=request.pk) in visitor.get("requests").content.decode()
    fetched = visitor.get("archive", request_id=request.pk)
    assert fetched.status_code == 200
    assert fetched["Content-Disposition"].startswith("attachment")
    assert fetched["Cache-Control"] == "no-store"
    assert b"".join(fetched.streaming_content)[:2] == b"PK"  # type: ignore[attr-defined]
    less = Visitor(visitor.account, visitor.carrier)
    less.comes_in("ana@ejemplo.cl")
    assert less.get("archive", request_id=request.pk).status_code == 404
    assert less.url("archive", request_id=request.pk) not in less.get("requests").content.decode()
