"""The directory, a person's page, merging by hand: what is shown, what may be done, what is refused."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from contacts.matching import Recognition
from contacts.merging import merge
from contacts.models import Contact, Identifier, MergeEvent, NeverMerge, Profile, ValueMark
from tests.conftest import client_for
from tests.contacts.stories import identifier_of, members, person, shown, writes


@pytest.fixture
def ana(mail: Channel) -> Recognition:
    return writes(mail, "ana@ejemplo.cl", 0, name="Ana Soto")


@pytest.fixture
def eva(mail: Channel) -> Recognition:
    return writes(mail, "eva@ejemplo.cl", 1, name="Eva Díaz", city="Lima")


def url(account: Account, name: str, *args: object) -> str:
    return reverse(f"contacts:{name}", args=[account.slug, *args])


def text_of(response: object) -> str:
    return response.content.decode()  # type: ignore[attr-defined]


class TestDirectory:
    def test_an_empty_one_says_how_contacts_appear(self, agent_client: Client, account: Account, web: Channel) -> None:
        writes(web, "visitor-1")
        page = text_of(agent_client.get(url(account, "directory")))
        assert 'class="empty"' in page
        assert "Visitor" not in page

    def test_it_lists_people_with_their_addresses(self, agent_client: Client, account: Account, ana: Recognition, eva: Recognition) -> None:
        page = text_of(agent_client.get(url(account, "directory")))
        assert page.index("Eva Díaz") < page.index("Ana Soto")
        assert "ana@ejemplo.cl" in page

    def test_htmx_gets_the_rows_alone(self, agent_client: Client, account: Account, ana: Recognition, eva: Recognition) -> None:
        answer = agent_client.get(url(account, "directory"), {"q": "soto"}, headers={"HX-Request": "true"})
        assert "HX-Request" in answer["Vary"]
        assert "<html" not in text_of(answer)
        assert "Ana Soto" in text_of(answer)
        assert "Eva" not in text_of(answer)

    def test_a_page_leads_to_the_older_one(
        self, agent_client: Client, account: Account, ana: Recognition, eva: Recognition, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from contacts import queries

        monkeypatch.setattr(queries.directory, "__kwdefaults__", {**queries.directory.__kwdefaults__, "limit": 1})
        first = agent_client.get(url(account, "directory"))
        second = agent_client.get(url(account, "directory") + first.context["older_url"])
        assert [row.contact for row in second.context["rows"]] == [ana.contact]
        assert agent_client.get(url(account, "directory"), {"before": "nada"}).status_code == 404

    def test_the_number_of_queries_does_not_grow(self, agent_client: Client, account: Account, mail: Channel) -> None:
        def count() -> int:
            with CaptureQueriesContext(connection) as captured:
                assert agent_client.get(url(account, "directory")).status_code == 200
            return len(captured)

        for number in range(2):
            writes(mail, f"p{number}@ejemplo.cl", number)
        count()
        few = count()
        for number in range(2, 20):
            writes(mail, f"p{number}@ejemplo.cl", number)
        assert count() == few


class TestContactPage:
    def test_it_shows_values_with_where_they_come_from(self, agent_client: Client, account: Account, eva: Recognition) -> None:
        page = text_of(agent_client.get(url(account, "contact", eva.contact.pk)))
        for piece in ("Eva Díaz", "Lima", "eva@ejemplo.cl", "Correo"):
            assert piece in page
        assert url(account, "merge", eva.contact.pk) not in page

    def test_what_people_wrote_is_escaped(self, supervisor_client: Client, account: Account, mail: Channel) -> None:
        rude = writes(mail, "x@ejemplo.cl", name="<script>alert(1)</script>", city="<b>x</b>")
        other = writes(mail, "y@ejemplo.cl", 1, name="<i>y</i>")
        for path in (
            url(account, "contact", rude.contact.pk),
            url(account, "directory"),
            url(account, "merge", rude.contact.pk),
            url(account, "merge", rude.contact.pk) + f"?with={other.contact.pk}",
        ):
            page = text_of(supervisor_client.get(path))
            assert "<script>alert" not in page
            assert "<b>x</b>" not in page
            assert "<i>y</i>" not in page

    def test_an_emptied_contact_leads_to_the_one_it_is_now(
        self, agent_client: Client, account: Account, ana: Recognition, eva: Recognition, supervisor: Membership
    ) -> None:
        merge(contacts=[ana.contact, eva.contact], by=person(supervisor))
        answer = agent_client.get(url(account, "contact", eva.contact.pk))
        assert (answer.status_code, answer["Location"]) == (302, url(account, "contact", ana.contact.pk))
        assert "no-store" in answer["Cache-Control"]

    def test_a_correction_is_saved(self, agent_client: Client, account: Account, ana: Recognition) -> None:
        answer = agent_client.post(url(account, "correct", ana.contact.pk), {"field": "name", "value": "Ana María"})
        assert answer["Location"] == url(account, "contact", ana.contact.pk)
        assert Contact.scoped().get(pk=ana.contact.pk).name == "Ana María"

    def test_values_read_as_words_and_are_saved_as_they_were_kept(self, agent_client: Client, account: Account, web: Channel) -> None:
        rosa = writes(web, "visitor-rosa", name="Rosa", email="rosa@ejemplo.cl", language="es", date_of_birth="1990-03-02")

        page = text_of(agent_client.get(url(account, "contact", rosa.contact.pk)))
        assert "2 de marzo de 1990" in page
        assert 'value="1990-03-02"' in page
        assert 'value="Español"' in page

        agent_client.post(url(account, "correct", rosa.contact.pk), {"field": "language", "value": "Español"})
        assert Contact.scoped().get(pk=rosa.contact.pk).fields["language"]["value"] == "es"

    def test_an_identifier_that_somebody_has_joins_them_with_a_way_back(
        self, supervisor_client: Client, account: Account, ana: Recognition, web: Channel
    ) -> None:
        phone = writes(web, "visitor-1", 2, phone="981234567")
        answer = supervisor_client.post(
            url(account, "add_identifier", ana.contact.pk), {"kind": "phone", "value": "9 8123 4567"}, follow=True
        )
        assert members(ana.contact) >= {ana.profile.pk, phone.profile.pk}
        assert url(account, "undo", MergeEvent.scoped().get().pk) in text_of(answer)

    @pytest.mark.parametrize(
        ("name", "body"),
        [
            ("correct", {"field": "no field", "value": "x"}),
            ("add_identifier", {"kind": "email", "value": "no"}),
            ("add_identifier", {"kind": "visitor", "value": "x"}),
        ],
    )
    def test_a_refusal_is_said_and_changes_nothing(
        self, agent_client: Client, account: Account, ana: Recognition, name: str, body: dict[str, str]
    ) -> None:
        before = shown(), Identifier.scoped().count()
        answer = agent_client.post(url(account, name, ana.contact.pk), body, follow=True)
        assert 'class="toast error"' in text_of(answer)
        assert (shown(), Identifier.scoped().count()) == before

    def test_one_key_separates_relatives_and_marks_the_phone(self, agent_client: Client, account: Account, web: Channel) -> None:
        maria = writes(web, "visitor-1", name="María Pérez", phone="981234567")
        jose = writes(web, "visitor-2", 1, name="José Pérez", phone="981234567")
        page = text_of(agent_client.get(url(account, "contact", maria.contact.pk)))
        assert "José Pérez" in page
        assert url(account, "separate_shared", maria.contact.pk) in page

        body = {"profile": jose.profile.pk, "identifier": identifier_of(jose.profile, "phone").pk}
        answer = agent_client.post(url(account, "separate_shared", maria.contact.pk), body, follow=True)

        event = MergeEvent.scoped().get()
        assert members(maria.contact) == {maria.profile.pk}
        assert ValueMark.scoped().get().mark == "shared"
        assert url(account, "undo", event.pk) in text_of(answer)
        undone = agent_client.post(url(account, "undo", event.pk), headers={"HX-Request": "true"})
        assert (undone.status_code, undone["HX-Redirect"]) == (204, url(account, "contact", maria.contact.pk))
        assert members(maria.contact) == {maria.profile.pk, jose.profile.pk}

    def test_a_value_is_marked_as_shared_and_back(
        self, agent_client: Client, supervisor_client: Client, account: Account, web: Channel
    ) -> None:
        maria = writes(web, "visitor-1", name="María", phone="981234567")
        path = url(account, "mark", maria.contact.pk, identifier_of(maria.profile, "phone").pk)
        agent_client.post(path)
        assert ValueMark.scoped().get().key == "+56981234567"
        assert agent_client.post(path, {"shared": "0"}).status_code == 403
        assert ValueMark.scoped().exists()
        supervisor_client.post(path, {"shared": "0"})
        assert not ValueMark.scoped().exists()

    def test_chosen_sources_are_separated(
        self, supervisor_client: Client, account: Account, ana: Recognition, eva: Recognition, supervisor: Membership
    ) -> None:
        merge(contacts=[ana.contact, eva.contact], by=person(supervisor))
        supervisor_client.post(url(account, "separate", ana.contact.pk), {"profile": [eva.profile.pk], "reason": "otra"})
        assert members(eva.contact) == {eva.profile.pk}
        assert MergeEvent.scoped().latest("pk").reason == "otra"
        assert NeverMerge.scoped().count() == 1


class TestMergeByHand:
    def test_who_meets_a_crowd_is_asked_to_try_again(
        self, supervisor_client: Client, account: Account, ana: Recognition, eva: Recognition, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("contacts.locks.ATTEMPTS", 0)

        answer = supervisor_client.post(url(account, "merge", eva.contact.pk), {"with": ana.contact.pk})

        assert (answer.status_code, answer["Retry-After"]) == (409, "1")
        assert "Alguien fue más rápido" in text_of(answer)
        assert not MergeEvent.scoped().exists()

    def test_search_compare_merge_undo(self, supervisor_client: Client, account: Account, ana: Recognition, eva: Recognition) -> None:
        path = url(account, "merge", eva.contact.pk)
        assert f"?with={ana.contact.pk}" in text_of(supervisor_client.get(path, {"q": "soto"}))

        preview = supervisor_client.get(path, {"with": ana.contact.pk})
        assert [(row.ours, row.theirs, row.after, row.differs) for row in preview.context["preview"].rows] == [
            ("Eva Díaz", "Ana Soto", "Ana Soto", True),
            ("Lima", None, "Lima", False),
        ]
        assert preview.context["preview"].survivor == ana.contact
        # Two of one name are told apart by how they are reached.
        for address in ("ana@ejemplo.cl", "eva@ejemplo.cl"):
            assert address in text_of(preview)
        assert preview.context["preview"].names_conflict
        assert not MergeEvent.scoped().exists()

        merged = supervisor_client.post(path, {"with": ana.contact.pk, "reason": "la misma"}, follow=True)
        event = MergeEvent.scoped().get()
        assert merged.redirect_chain == [(url(account, "contact", ana.contact.pk), 302)]
        assert url(account, "undo", event.pk) in text_of(merged)
        assert event.reason == "la misma"

        supervisor_client.post(url(account, "undo", event.pk))
        assert members(ana.contact) == {ana.profile.pk}
        again = supervisor_client.get(path, {"with": ana.contact.pk})
        assert again.context["preview"].never_merge

    @pytest.mark.parametrize("other", ["", "abc", "0", "-1", "99999999999", "²", "9" * 30])
    def test_nobody_is_not_found(self, supervisor_client: Client, account: Account, ana: Recognition, other: str) -> None:
        path = url(account, "merge", ana.contact.pk)
        assert supervisor_client.post(path, {"with": other}).status_code == 404
        assert supervisor_client.get(path, {"with": other}).status_code == 404


ROUTES = [
    ("get", "directory", (), "agent"),
    ("get", "contact", ("contact",), "agent"),
    ("post", "correct", ("contact",), "agent"),
    ("post", "add_identifier", ("contact",), "agent"),
    ("post", "mark", ("contact", "identifier"), "agent"),
    ("post", "separate_shared", ("contact",), "agent"),
    ("post", "separate", ("contact",), "supervisor"),
    ("get", "merge", ("contact",), "supervisor"),
    ("post", "merge", ("contact",), "supervisor"),
    ("post", "undo", ("event",), "supervisor"),
]


@pytest.mark.parametrize(("method", "name", "wanted", "role"), ROUTES)
def test_who_may_go_where(
    method: str,
    name: str,
    wanted: tuple[str, ...],
    role: str,
    account: Account,
    ana: Recognition,
    eva: Recognition,
    agent: Membership,
    supervisor: Membership,
    outsider: Membership,
    other_account: Account,
) -> None:
    event = merge(contacts=[ana.contact, eva.contact], by=person(supervisor))
    ids = {"contact": ana.contact.pk, "identifier": identifier_of(ana.profile, "email").pk, "event": event.pk}
    path = url(account, name, *(ids[part] for part in wanted))
    before = shown(), MergeEvent.scoped().count(), ValueMark.scoped().count()

    anonymous = getattr(Client(), method)(path)
    assert (anonymous.status_code, "/login/" in anonymous["Location"]) == (302, True)
    assert getattr(client_for(outsider), method)(path).status_code == 404
    theirs = reverse(f"contacts:{name}", args=[other_account.slug, *(ids[part] for part in wanted)])
    if wanted:
        assert getattr(client_for(outsider), method)(theirs).status_code == 404
    if role == "supervisor":
        assert getattr(client_for(agent), method)(path).status_code == 403
    assert (shown(), MergeEvent.scoped().count(), ValueMark.scoped().count()) == before

    member = agent if role == "agent" else supervisor
    assert getattr(client_for(member), method)(path).status_code in (200, 302, 404)
    with account_scope(account):
        assert Profile.scoped().count() == 2
