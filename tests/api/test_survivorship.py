"""``/api/v1/account/survivorship/``: read, preview, change."""

from accounts.models import Account, Membership
from contacts.models import Contact
from tests.api.conftest import ApiClient, token_of
from tests.conftest import make_channel
from tests.contacts.stories import writes


def test_rules_are_read_previewed_and_changed(scoped: Account, admin: Membership) -> None:
    mail = make_channel(scoped, "email")
    writes(mail, "ana@ejemplo.cl", 0, name="Ana Soto")
    ana = writes(mail, "ana@ejemplo.cl", 1, name="Ana María Soto").contact
    api = ApiClient(token_of(admin))

    standing = api.get("account/survivorship/").json()
    assert (standing["rules"]["name"], standing["rules"]["city"], standing["recomputation"]) == ("first", "latest", None)

    found = api.post("account/survivorship/preview/", {"rules": {"name": "longest"}}).json()
    assert (found["looked_at"], found["changed"]) == (1, 1)
    assert found["examples"] == [{"contact": ana.pk, "field": "name", "before": "Ana Soto", "after": "Ana María Soto"}]

    changed = api.patch("account/survivorship/", {"rules": {"name": "longest"}})
    assert (changed.status_code, changed.json()["rules"]["name"], changed.json()["recomputation"]["state"]) == (202, "longest", "queued")
    assert Contact.scoped().get(pk=ana.pk).name == "Ana Soto"


def test_what_is_no_rule_is_refused_by_name(scoped: Account, admin: Membership) -> None:
    api = ApiClient(token_of(admin))
    for body in ({"rules": {"name": "prettiest"}}, {"rules": {}}, {}, {"rules": {"no field": "first"}}):
        assert api.patch("account/survivorship/", body).status_code == 400
    assert Account.objects.get(pk=scoped.pk).survivorship == {"name": "first"}
