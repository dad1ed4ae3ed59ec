"""The cases that an identity engine is judged by, each as its sentence says."""

from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from contacts.claims import Address, Claim, ClaimedIdentifier
from contacts.matching import recognise
from contacts.merging import merge, undo, unmerge
from contacts.models import Certainty, Contact, Identifier, IdentityReview, MergeEvent, MergeSuggestion, Profile, ValueMark
from contacts.queries import directory
from tests.conftest import make_channel
from tests.contacts.stories import at, decision_of, grouping, identifier_of, members, person, tells, writes

MONTH = 30 * 24


def test_generic_mailbox(web: Channel) -> None:
    people = [writes(web, f"visitor-{n}", n, name=name, email="ventas@empresa.cl") for n, name in enumerate(["Ana", "Eva", "Ana"])]
    assert len({each.contact.pk for each in people}) == 3


def test_changed_email(web: Channel, mail: Channel) -> None:
    """She writes from the old one, tells the new one, and is known by both."""
    ana = writes(mail, "ana@viejo.cl", name="Ana")
    tells(ana.profile, 1, email="ana@nuevo.cl")
    later = writes(mail, "ana@nuevo.cl", 2 * MONTH, name="Ana Soto")
    assert later.contact.pk == ana.contact.pk
    assert writes(web, "visitor-1", 3 * MONTH, email="ana@viejo.cl").contact.pk == ana.contact.pk


def test_two_people_one_name_one_city(web: Channel) -> None:
    one = writes(web, "visitor-1", name="Juan Pérez", city="Lima", email="juan1@ejemplo.pe")
    other = writes(web, "visitor-2", 1, name="Juan Pérez", city="Lima", email="juan2@ejemplo.pe")
    assert one.contact.pk != other.contact.pk


def test_twins(web: Channel) -> None:
    """Same birth date, address and surname, and each has an email: nothing joins them."""
    same = {"date_of_birth": "2001-05-05", "street": "Av. Sur 1, Lima"}
    one = writes(web, "visitor-1", name="Luis Rojas", email="luis@ejemplo.pe", **same)
    other = writes(web, "visitor-2", 1, name="Luisa Rojas", email="luisa@ejemplo.pe", **same)
    assert one.contact.pk != other.contact.pk


def test_father_and_son_with_one_name_and_one_phone(web: Channel) -> None:
    """Their documents tell them apart, although name and phone do not."""
    father = writes(web, "visitor-1", name="Juan Rojas", phone="981234567", national_id="12.345.678-5")
    son = writes(web, "visitor-2", 1, name="Juan Rojas", phone="981234567", national_id="20.345.678-6")
    assert father.contact.pk != son.contact.pk
    assert MergeSuggestion.scoped().get().origin == "national_id"


def test_typed_somebody_elses_email(scoped: Account, web: Channel, mail: Channel, supervisor: Membership) -> None:
    """The agents see one contact, with the claim marked as typed; one step takes it back for good. Or claims only suggest."""
    ana = writes(mail, "ana@ejemplo.cl", name="Ana")
    impostor = writes(web, "visitor-1", 1, name="Ana", email="ana@ejemplo.cl")
    assert impostor.contact.pk == ana.contact.pk
    assert identifier_of(impostor.profile, "email").certainty == Certainty.CLAIMED
    unmerge(contact=ana.contact, profiles=[impostor.profile], by=person(supervisor))
    writes(web, "visitor-1", 2, email="ana@ejemplo.cl", phone="981234567")
    assert members(ana.contact) == {ana.profile.pk}

    Account.objects.filter(pk=scoped.pk).update(claimed_suggests_only=True)
    other = writes(web, "visitor-2", 3, name="Ana", email="ana@ejemplo.cl")
    assert other.contact.pk not in (ana.contact.pk, impostor.profile.contact_id)


def test_chain_of_three_where_the_ends_are_two_people(web: Channel, supervisor: Membership) -> None:
    """A is not C. B fits both: it goes to one of them, and the other is suggested, never joined."""
    a = writes(web, "visitor-1", name="Ana", email="a@ejemplo.cl")
    c = writes(web, "visitor-3", 1, name="Ana", phone="981234567")
    merged = merge(contacts=[a.contact, c.contact], by=person(supervisor))
    undo(event=merged, by=person(supervisor))

    b = writes(web, "visitor-2", 2, name="Ana", email="a@ejemplo.cl", phone="981234567")

    assert b.contact.pk == a.contact.pk
    assert members(c.contact) == {c.profile.pk}
    assert [entry["why"] for entry in decision_of(b.profile).evidence["apart"]] == ["never_merge"]


def test_merge_storm_from_one_bad_value(web: Channel) -> None:
    """Thirty people type the same phone to get rid of a form: a handful is joined and put up for review, the others are not."""
    names = "Ana Raúl Eva Pedro Lucía Iván Marta Hugo Olga Félix".split()
    for number in range(30):
        writes(web, f"visitor-{number}", number, name=f"{names[number % 10]} Gómez", phone="977777771")
    groups = sorted((len(group) for group in grouping()), reverse=True)
    assert groups[0] == 3
    assert groups[1:] == [1] * 27
    assert ValueMark.scoped().get().is_automatic
    assert IdentityReview.scoped().filter(kind="shared_join").count() == 2


def test_undo_after_a_month_of_activity(web: Channel, mail: Channel, supervisor: Membership) -> None:
    """What arrived meanwhile is on the right side, and stays there."""
    ana, eva = writes(mail, "ana@ejemplo.cl", name="Ana"), writes(mail, "eva@ejemplo.cl", 1, name="Eva")
    event = merge(contacts=[ana.contact, eva.contact], by=person(supervisor))
    for day in range(30):
        writes(mail, "eva@ejemplo.cl", 24 * day + 2, name="Eva")
    visit = writes(web, "visitor-1", MONTH, email="eva@ejemplo.cl")
    assert visit.contact.pk == ana.contact.pk

    undo(event=event, by=person(supervisor))

    assert members(ana.contact) == {ana.profile.pk}
    assert members(eva.contact) == {eva.profile.pk, visit.profile.pk}
    assert writes(web, "visitor-1", MONTH + 1).profile.contact_id == eva.contact.pk


def test_same_person_in_two_accounts(web: Channel, other_account: Account) -> None:
    mine = writes(web, "visitor-1", name="Ana", email="ana@ejemplo.cl", phone="981234567")
    with account_scope(other_account):
        theirs = writes(make_channel(other_account, "webchat"), "visitor-1", name="Ana", email="ana@ejemplo.cl", phone="981234567")
        assert theirs.is_new_contact
        assert members(theirs.contact) == {theirs.profile.pk}
    assert members(mine.contact) == {mine.profile.pk}


def test_the_same_phone_in_four_spellings(web: Channel, whatsapp: Channel) -> None:
    """As WhatsApp gives it, as people type it, as a CRM exports it, and with the old prefix."""
    first = writes(whatsapp, "56981234567")
    spellings = ["9 8123 4567", "+56 (9) 8123-4567", "0056981234567", "8123 4567"]
    for number, phone in enumerate(spellings):
        assert writes(web, f"visitor-{number}", number + 1, phone=phone).contact.pk == first.contact.pk
    assert set(Identifier.scoped().filter(kind="phone").values_list("key", flat=True)) == {"+56981234567"}


def test_bsuid_first_phone_later(whatsapp: Channel, web: Channel) -> None:
    form = writes(web, "visitor-1", name="Ana", phone="981234567")
    user = recognise(channel=whatsapp, address=Address("whatsapp_user", "CL.8f3a"), claim=Claim(given={"name": "Ana"}), occurred_at=at(1))
    assert user.contact.pk != form.contact.pk
    number = ClaimedIdentifier("whatsapp", "56981234567", Certainty.ATTESTED)
    both = recognise(channel=whatsapp, address=Address("whatsapp_user", "CL.8f3a"), claim=Claim((number,)), occurred_at=at(2))
    assert (both.profile.pk, both.contact.pk) == (user.profile.pk, form.contact.pk)


def test_one_browser_two_people(web: Channel) -> None:
    ana = writes(web, "visitor-1", name="Ana Soto", email="ana@ejemplo.cl")
    beto = tells(ana.profile, 1, name="Roberto Díaz", email="beto@ejemplo.cl")
    assert beto.contact.pk != ana.contact.pk
    assert Profile.scoped().get(pk=ana.profile.pk).is_current is False


def test_contact_without_any_identifier(web: Channel) -> None:
    """A visit: somebody is there, nobody is listed, and whoever leaves a datum later is the same."""
    visit = writes(web, "visitor-1")
    assert visit.contact.is_anonymous
    assert directory().contacts == []
    told = tells(visit.profile, 1, name="Ana", email="ana@ejemplo.cl")
    assert told.contact.pk == visit.contact.pk
    assert [contact.pk for contact in directory().contacts] == [visit.contact.pk]
    assert not MergeEvent.scoped().exists()
    assert Contact.scoped().count() == 1
