"""``split``, ``never-merge``, ``history`` and ``move-identifier`` of the contacts API."""

import pytest

from accounts.models import Account, Channel, Membership
from contacts.models import Contact, MergeEvent, NeverMerge, Profile
from inbox.models import Conversation
from tests.api.conftest import ApiClient, token_of
from tests.conftest import make_channel
from tests.contacts.stories import identifier_of, writes
from tests.inbox.people import make_conversation, say


@pytest.fixture
def whatsapp(scoped: Account) -> Channel:
    return make_channel(scoped, "whatsapp")


@pytest.fixture
def supervisor_api(supervisor: Membership) -> ApiClient:
    return ApiClient(token_of(supervisor))


def test_one_of_two_conversations_goes_to_a_new_person(supervisor_api: ApiClient, agent_api: ApiClient, whatsapp: Channel) -> None:
    maria = writes(whatsapp, "56981234567", name="María")
    first, second = (make_conversation(maria.profile, subject=subject) for subject in ("Factura", "Talla"))
    message = say(second, "Soy el hijo")
    body = {"conversation": second.pk, "reason": "es el hijo"}
    assert agent_api.post(f"contacts/{maria.contact.pk}/split/", body).status_code == 403

    answer = supervisor_api.post(f"contacts/{maria.contact.pk}/split/", body)

    assert answer.status_code == 200
    new = answer.json()["contact"]["id"]
    assert new != maria.contact.pk
    assert Conversation.scoped().get(pk=second.pk).profile.contact_id == new
    assert Conversation.scoped().get(pk=first.pk).profile.contact_id == maria.contact.pk
    message.refresh_from_db()
    assert message.strand.profile.contact_id == new
    assert NeverMerge.scoped().count() == 1
    assert supervisor_api.post(f"contacts/{maria.contact.pk}/split/", body).json()["error"]["code"] == "not_here"


def test_a_conversation_whose_source_has_no_other_takes_the_source_along(
    supervisor_api: ApiClient, whatsapp: Channel, scoped: Account
) -> None:
    maria = writes(whatsapp, "56981234567", name="María")
    form = writes(make_channel(scoped, "webchat"), "visitor-1", 1, name="Pedro", phone="981234567")
    make_conversation(maria.profile)
    second = make_conversation(form.profile)

    answer = supervisor_api.post(f"contacts/{maria.contact.pk}/split/", {"conversation": second.pk})

    assert [profile["id"] for profile in answer.json()["contact"]["profiles"]] == [form.profile.pk]
    assert answer.json()["contact"]["name"] == "Pedro"
    nobody = supervisor_api.post(f"contacts/{answer.json()['contact']['id']}/split/", {"conversation": second.pk})
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (409, "nothing_left")


def test_the_history_names_every_merge_and_whether_it_can_be_undone(
    supervisor_api: ApiClient, agent_api: ApiClient, whatsapp: Channel
) -> None:
    ana, eva = (writes(whatsapp, f"5698123456{n}", n, name="Ana") for n in range(2))
    supervisor_api.post("contacts/merge/", {"winner": ana.contact.pk, "losers": [eva.contact.pk], "reason": "una"})
    (line,) = supervisor_api.get(f"contacts/{eva.contact.pk}/history/").json()["results"]
    assert (line["kind"], line["cause"], line["reason"], line["is_undone"], line["may_undo"]) == ("merge", "manual", "una", False, True)
    assert line["moved"] == [{"profile": eva.profile.pk, "from_contact": eva.contact.pk, "to_contact": ana.contact.pk}]
    assert agent_api.get(f"contacts/{ana.contact.pk}/history/").json()["results"][0]["may_undo"] is False


def test_people_are_told_apart(supervisor_api: ApiClient, outsider_api: ApiClient, whatsapp: Channel) -> None:
    ana, eva = (writes(whatsapp, f"5698123456{n}", n, name="Ana") for n in range(2))
    body = {"contacts": [ana.contact.pk, eva.contact.pk]}
    assert outsider_api.post("contacts/never-merge/", body).status_code == 404
    assert supervisor_api.post("contacts/never-merge/", body).json() == {"contacts": sorted(body["contacts"])}
    supervisor_api.post("contacts/merge/", {"winner": ana.contact.pk, "losers": [eva.contact.pk]})
    assert supervisor_api.post("contacts/never-merge/", body).status_code == 409
    assert MergeEvent.scoped().get().evidence["lifted_never_merge"] == [sorted((ana.profile.pk, eva.profile.pk))]


def test_an_identifier_goes_to_its_person(supervisor_api: ApiClient, whatsapp: Channel) -> None:
    ana = writes(whatsapp, "56981234560", name="Ana", email="eva@ejemplo.cl")
    eva = writes(whatsapp, "56981234561", 1, name="Eva")
    email = identifier_of(ana.profile, "email")
    answer = supervisor_api.post(f"contacts/{ana.contact.pk}/move-identifier/", {"identifier": email.pk, "to": eva.contact.pk})
    assert answer.json()["contact"] == eva.contact.pk
    again = supervisor_api.post(f"contacts/{ana.contact.pk}/move-identifier/", {"identifier": email.pk, "to": eva.contact.pk})
    assert again.status_code == 409
    assert Contact.scoped().count() == 2
    assert Profile.scoped().filter(corrects=eva.profile).count() == 1
