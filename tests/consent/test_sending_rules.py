"""The account's own rules of sending: set by administrators, read by the gate and by whatever answers by itself."""

from datetime import time
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client

from accounts.actors import Actor
from accounts.models import Account, AuditEntry, Membership
from consent.models import GatePolicy
from consent.sending_rules import change_sending_rules, sending_rules
from tests.consent.people import MAIL, agree, answered, ask, make_person

pytestmark = pytest.mark.usefixtures("scoped")
GIVEN: dict[str, Any] = {
    "postal_address": " Av. Siempre Viva 742, Santiago ",
    "cap_count": 3,
    "cap_days": 14,
    "quiet_from": time(21),
    "quiet_to": time(8),
    "opt_out_is_confirmed": False,
    "help_is_answered": True,
    "help_texts": {"es": " Somos Andes, la librería. ", "pt": " "},
}


def test_they_hold_from_the_next_message_on(admin: Membership) -> None:
    ana = make_person(("email", MAIL))
    agree(ana)
    assert answered(ask(ana, channel="email")) == ("deny", "obligation")
    rules = change_sending_rules(by=Actor.person(admin), **GIVEN)
    assert (rules.version, rules.postal_address, rules.help_texts) == (
        2,
        "Av. Siempre Viva 742, Santiago",
        {"es": "Somos Andes, la librería."},
    )
    assert ask(ana, channel="email").allowed
    change_sending_rules(by=Actor.person(admin), **GIVEN)
    assert (sending_rules().version, AuditEntry.objects.filter(action="sending_rules.change").count()) == (2, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"cap_count": 0},
        {"cap_days": 91},
        {"quiet_to": None},
        {"quiet_from": time(8)},
        {"postal_address": "x" * 301},
        {"help_texts": {"es": "x" * 501}},
    ],
)
def test_what_could_not_be_kept_is_refused(admin: Membership, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        change_sending_rules(by=Actor.person(admin), **{**GIVEN, **wrong})


def test_agents_set_none(agent: Membership) -> None:
    with pytest.raises(PermissionDenied):
        change_sending_rules(by=Actor.person(agent), **GIVEN)
    assert not GatePolicy.objects.exists()


def test_the_page_shows_what_holds_and_sets_it(scoped: Account, admin_client: Client) -> None:
    url = f"/a/{scoped.slug}/settings/sending/"
    form = {"postal_address": "Calle 1", "cap_count": "2", "cap_days": "7", "quiet_from": "", "quiet_to": "", "help_is_answered": "on"}
    assert admin_client.post(url, {**form, "help_es": "Somos Andes.", "cap_days": "0"}).status_code == 422
    assert not GatePolicy.objects.exists()
    assert admin_client.post(url, {**form, "help_es": "Somos Andes."}).status_code == 302
    rules = GatePolicy.objects.get()
    assert (rules.postal_address, rules.cap_count, rules.opt_out_is_confirmed, rules.help_is_answered, rules.help_texts) == (
        "Calle 1",
        2,
        False,
        True,
        {"es": "Somos Andes."},
    )
    page = admin_client.get(url).content.decode()
    assert "Calle 1" in page
    assert page.count("Somos Andes.") == 2
