"""Settings → Country rules: the figures in words, the account's own in their place, and back."""

import pytest
from django.test import Client

from accounts.models import Account, AuditEntry
from consent.country_rules import rules_of
from consent.models import CountryRule, CountryRuleCorrection
from consent.rule_words import RULES, in_words
from consent.views.rule_forms import CorrectionForm, shown

pytestmark = pytest.mark.django_db
DUE = {"days": "365", "source": "Estudio Jurídico Andes", "dated": "2026-11-01"}


def path(account: Account, rest: str = "") -> str:
    return f"/a/{account.slug}/settings/countries/{rest}"


def test_every_shipped_figure_has_words(scoped: Account) -> None:
    rules = list(CountryRule.objects.all())
    assert len(rules) > 50
    for rule in rules:
        assert rule.name in RULES
        assert in_words(rule.name, rule.value) != [str(rule.value)], (rule.country, rule.name)


def test_a_figure_is_corrected_and_taken_back(admin_client: Client, scoped: Account) -> None:
    shipped = rules_of("CL")["consent_expiry"]
    page = admin_client.get(path(scoped)).content.decode()
    assert CountryRule.objects.get(country="CL", name="consent_expiry").source.split(":")[0] in page

    admin_client.post(path(scoped, "CL/consent_expiry/"), DUE)
    assert rules_of("CL")["consent_expiry"] == {"days": 365}
    page = admin_client.get(path(scoped, "?country=CL")).content.decode()
    assert "Estudio Jurídico Andes" in page
    assert "dato propio" in page

    admin_client.post(path(scoped, "CL/consent_expiry/shipped/"))
    assert rules_of("CL")["consent_expiry"] == shipped
    actions = AuditEntry.scoped().filter(action__startswith="country_rule").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["country_rule.correct", "country_rule.use_shipped"]


@pytest.mark.parametrize("wrong", [{"days": "{"}, {"days": "0"}, {"days": ""}, {"source": ""}, {"dated": "nunca"}])
def test_what_the_gate_could_not_read_is_refused(wrong: dict[str, str], admin_client: Client, scoped: Account) -> None:
    answer = admin_client.post(path(scoped, "CL/consent_expiry/"), {**DUE, **wrong})
    assert answer.status_code == 422
    assert not CountryRuleCorrection.scoped().exists()


@pytest.mark.parametrize("rest", ["?country=ZZ", "CL/nada/", "ZZ/consent_expiry/"])
def test_what_is_not_there_is_not_found(rest: str, admin_client: Client, scoped: Account) -> None:
    where = path(scoped, rest)
    assert (admin_client.get(where) if "?" in rest else admin_client.post(where, DUE)).status_code == 404


def test_a_supervisor_corrects_nothing(supervisor_client: Client, scoped: Account) -> None:
    assert supervisor_client.get(path(scoped)).status_code == 403
    assert supervisor_client.post(path(scoped, "CL/consent_expiry/"), DUE).status_code == 403
    assert not CountryRuleCorrection.scoped().exists()


def test_every_shipped_figure_can_be_written_in_its_fields_and_is_read_the_same(scoped: Account) -> None:
    for rule in CountryRule.objects.all():
        given = {name: value for name, value in shown(rule.name, rule.value).items() if value not in (None, False)}
        form = CorrectionForm({**given, "source": "Estudio", "dated": "2026-11-01"}, rule=rule.name)
        assert form.is_valid(), (rule.country, rule.name, form.errors)
        assert form.value == rule.value, (rule.country, rule.name)


def test_what_was_compared_with_its_source_says_where_and_what_was_not_asks_for_a_lawyer(scoped: Account) -> None:
    for rule in CountryRule.objects.exclude(name__in=["zones", "members"]):
        assert rule.needs_counsel or (rule.checked_on is not None and rule.url), (rule.country, rule.name)
        assert (rule.checked_on is None) == (not rule.url), (rule.country, rule.name)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("quiet_hours", {"mon_from": "09:00"}),
        ("quiet_hours", {"mon_from": "20:00", "mon_to": "09:00"}),
        ("holidays", {"listed": "25 de diciembre"}),
        ("zones", {"listed": "America/Nowhere"}),
        ("registry", {"there_is_one": "on", "name": "Lista"}),
        ("soft_opt_in", {"is_allowed": "on"}),
        ("request_due", {"access_number": "5", "access_unit": "weeks"}),
        ("platform_ban", {"channels": ["pigeon"]}),
    ],
)
def test_half_a_figure_is_refused(name: str, given: dict[str, object], admin_client: Client, scoped: Account) -> None:
    answer = admin_client.post(path(scoped, f"CL/{name}/"), {**given, "source": "Estudio", "dated": "2026-11-01"})
    assert answer.status_code == 422
    assert not CountryRuleCorrection.scoped().exists()
