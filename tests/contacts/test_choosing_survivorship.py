"""An account chooses which source wins: what that would change, what it does change, and who may."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account, AuditEntry, Channel, Membership
from contacts.choosing_survivorship import change_rules, preview_rules, recompute, rules_now
from contacts.correcting import correct_field
from contacts.matching import Recognition
from contacts.models import Contact
from contacts.quality.models import RecomputeRun
from contacts.tasks import recompute_contacts
from tests.contacts.stories import person, shown, writes

pytestmark = pytest.mark.usefixtures("scoped")


@pytest.fixture
def ana(mail: Channel) -> Recognition:
    """Gave two names and two cities, one after the other."""
    writes(mail, "ana@ejemplo.cl", 0, name="Ana Soto", city="Lima")
    return writes(mail, "ana@ejemplo.cl", 1, name="Ana María Soto", city="Cusco")


def values(contact: Contact) -> dict[str, str]:
    return {field: entry["value"] for field, entry in Contact.scoped().get(pk=contact.pk).fields.items()}


def test_a_preview_counts_and_shows_and_changes_nothing(mail: Channel, ana: Recognition) -> None:
    writes(mail, "eva@ejemplo.cl", 2, name="Eva Díaz")
    before = shown()

    found = preview_rules({"name": "latest", "city": "first"})

    assert (found.looked_at, found.changed, found.is_cut) == (2, 1, False)
    assert [(each.contact, each.field, each.before, each.after) for each in found.examples] == [(ana.contact, "city", "Cusco", "Lima")]
    assert preview_rules(rules_now()).changed == 0
    assert shown() == before


def test_new_rules_hold_for_everybody_once_the_worker_was_there(account: Account, ana: Recognition, admin: Membership) -> None:
    run = change_rules(rules={"name": "longest", "city": "first"}, by=person(admin))
    assert run is not None
    assert values(ana.contact) == {"name": "Ana Soto", "city": "Cusco"}

    recompute_contacts(account_id=account.pk, run_id=run.pk)

    run.refresh_from_db()
    assert (run.state, run.done, run.total, run.changed) == ("done", 1, 1, 1)
    assert values(ana.contact) == {"name": "Ana María Soto", "city": "Lima"}
    entries = AuditEntry.scoped().filter(action="survivorship.change").order_by("pk")
    assert [entry.detail for entry in entries] == [
        {"field": "city", "former_rule": "latest", "rule": "first"},
        {"field": "name", "former_rule": "first", "rule": "longest"},
    ]


def test_only_by_hand_shows_nothing_that_a_source_said(ana: Recognition, admin: Membership) -> None:
    run = change_rules(rules={"city": "manual"}, by=person(admin))
    assert run is not None
    recompute(run_id=run.pk)
    assert values(ana.contact) == {"name": "Ana Soto"}
    correct_field(contact=ana.contact, field="city", value="Arequipa", by=person(admin))
    assert values(ana.contact)["city"] == "Arequipa"
    back = change_rules(rules={"city": "latest"}, by=person(admin))
    assert back is not None
    correct_field(contact=ana.contact, field="city", value="", by=person(admin))
    assert values(ana.contact)["city"] == "Cusco"


def test_what_is_as_it_was_starts_nothing(ana: Recognition, admin: Membership) -> None:
    assert change_rules(rules={"name": "first", "company": "latest"}, by=person(admin)) is None
    assert not RecomputeRun.scoped().exists()


def test_a_second_change_takes_the_place_of_the_first_ones_work(mail: Channel, ana: Recognition, admin: Membership) -> None:
    first = change_rules(rules={"name": "latest"}, by=person(admin))
    second = change_rules(rules={"name": "longest"}, by=person(admin))
    assert first is not None
    assert second is not None
    assert recompute(run_id=first.pk).state == "cancelled"
    assert values(ana.contact)["name"] == "Ana Soto"
    assert recompute(run_id=second.pk).changed == 1


def test_a_new_worker_goes_on_where_the_old_one_died(mail: Channel, ana: Recognition, admin: Membership) -> None:
    eva = writes(mail, "eva@ejemplo.cl", 2, name="Eva Díaz")
    writes(mail, "eva@ejemplo.cl", 3, name="Eva Luz Díaz")
    run = change_rules(rules={"name": "latest"}, by=person(admin))
    assert run is not None
    RecomputeRun.scoped().filter(pk=run.pk).update(after_id=ana.contact.pk)
    done = recompute(run_id=run.pk)
    assert (done.done, done.changed) == (2, 1)
    assert (values(ana.contact)["name"], values(eva.contact)["name"]) == ("Ana Soto", "Eva Luz Díaz")


@pytest.mark.parametrize(
    "rules", [{"name": "prettiest"}, {"no field": "first"}, {"x" * 41: "first"}, {f"f{n}": "first" for n in range(101)}]
)
def test_what_is_no_rule_is_refused_and_changes_nothing(ana: Recognition, admin: Membership, rules: dict[str, str]) -> None:
    before = rules_now()
    for attempt in (lambda: change_rules(rules=rules, by=person(admin)), lambda: preview_rules(rules)):
        with pytest.raises(ValidationError):
            attempt()
    assert rules_now() == before
    assert not RecomputeRun.scoped().exists()


def test_supervisors_choose_no_rules(supervisor: Membership) -> None:
    with pytest.raises(PermissionDenied):
        change_rules(rules={"name": "latest"}, by=person(supervisor))
    assert rules_now()["name"] == "first"


def test_the_number_of_queries_of_a_preview_does_not_grow(mail: Channel) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            preview_rules({"name": "latest"})
        return len(captured)

    for turn in range(2):
        writes(mail, f"p{turn}@ejemplo.cl", turn, name=f"Persona {turn}")
    few = count()
    for turn in range(2, 20):
        writes(mail, f"p{turn}@ejemplo.cl", turn, name=f"Persona {turn}")
    assert count() == few


class TestPage:
    def test_preview_save_and_follow(self, admin_client: Client, account: Account, ana: Recognition) -> None:
        path = reverse("contacts:survivorship", args=[account.slug])
        assert ("name", "first") in {(field, rule) for field, _label, rule in admin_client.get(path).context["fields"]}
        part = admin_client.get(path, {"rule-name": "longest"}, headers={"HX-Request": "true"})
        assert part.context["preview"].changed == 1
        assert "<html" not in part.content.decode()
        whole = admin_client.get(path, {"rule-name": "longest"})
        assert ("name", "longest") in {(field, rule) for field, _label, rule in whole.context["fields"]}
        assert 'role="alert"' in admin_client.get(path, {"rule-name": "prettiest"}).content.decode()

        admin_client.post(reverse("contacts:survivorship_save", args=[account.slug]), {"rule-name": "longest"})
        run = RecomputeRun.scoped().get()
        progress = reverse("contacts:survivorship_progress", args=[account.slug, run.pk])
        assert progress in admin_client.get(path).content.decode()
        assert "HX-Refresh" not in admin_client.get(progress).headers
        recompute(run_id=run.pk)
        assert admin_client.get(progress).headers["HX-Refresh"] == "true"
        assert values(ana.contact)["name"] == "Ana María Soto"

    def test_nothing_chosen_is_not_found(self, admin_client: Client, account: Account) -> None:
        assert admin_client.post(reverse("contacts:survivorship_save", args=[account.slug])).status_code == 404
