"""Settings → Country rules: the figures in words, the account's own in their place, and back."""

import json

import pytest
from django.test import Client

from accounts.models import Account, AuditEntry
from consent.country_rules import rules_of
from consent.models import CountryRule, CountryRuleCorrection
from consent.rule_words import RULES, in_words

pytestmark = pytest.mark.django_db
DUE = {"value": '{"days": 365}', "source": "Estudio Jurídico Andes", "dated": "2026-11-01"}


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


@pytest.mark.parametrize("wrong", [{"value": "{"}, {"value": json.dumps({"weeks": 3})}, {"source": ""}, {"dated": "nunca"}])
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
