"""What consent wants to be known before two contacts are merged."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.actors import SYSTEM
from accounts.models import Account
from consent.vocabulary import Action
from contacts.concerns import concerns_between
from contacts.merging import merge
from tests.consent.people import MAIL, PHONE, agree, ask, make_person, say


@pytest.mark.parametrize(
    ("ana_says", "double_says", "named"),
    [("", "", False), ("grant", "", False), ("grant", "grant", False), ("grant", "withdraw", True), ("object", "grant", True)],
)
def test_it_is_said_where_one_agreed_and_the_other_refused(scoped: Account, ana_says: str, double_says: str, named: bool) -> None:
    ana, double = make_person(("phone", PHONE)), make_person(("email", MAIL))
    for profile, said in ((ana, ana_says), (double, double_says)):
        if said == "grant":
            agree(profile, occurred_at=timezone.now() - timedelta(hours=2))
        elif said:
            say(profile, Action(said), purpose="marketing")

    found = [concern for concern in concerns_between(ana.contact, double.contact) if concern.name == "consent"]

    assert bool(found) == named
    if named:
        assert "“Promociones y novedades”" in found[0].text
        before = ask(ana).reasons
        merge(contacts=[ana.contact, double.contact], by=SYSTEM)
        assert ask(ana).reasons == before
