"""NUL in a form is refused before any view sees it."""

import pytest

from accounts.models import Account, Membership
from contacts.models import Contact
from tests.conftest import client_for
from tests.consent.people import make_person


@pytest.mark.parametrize("form", [{"field": "name", "value": "A\x00na"}, {"field": "name", "value": "Beto", "\x00": "x"}])
def test_a_form_with_nul_is_refused_and_nothing_changes(agent: Membership, scoped: Account, form: dict[str, str]) -> None:
    contact = make_person(name="Ana").contact
    client, address = client_for(agent), f"/a/{scoped.slug}/contacts/{contact.pk}/correct/"

    assert client.post(address, form).status_code == 400
    assert Contact.scoped().get(pk=contact.pk).name == "Ana"

    assert client.post(address, {"field": "name", "value": "Ana Soto"}).status_code < 400
    assert Contact.scoped().get(pk=contact.pk).name == "Ana Soto"
