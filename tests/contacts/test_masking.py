"""Which values are found in a text, however they are written, and which are left alone; who may change the rule."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client

from accounts.actors import Actor
from accounts.models import Account, AuditEntry, Channel, Membership
from contacts.masking import Level, change_masking, level_for, mask_known, masked
from tests.conftest import make_channel
from tests.contacts.stories import writes

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(scoped: Account) -> Channel:
    channel = make_channel(scoped, "whatsapp")
    writes(channel, "56987654321", name="Ana", email="ana.rojas@ejemplo.cl")
    writes(channel, "5491123456789", name="Luz", email="o'higgins+a@münchen.example")
    return channel


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("+56987654321", "+56 •••• 321"),
        ("+56 9 8765 4321", "+56 •••• 321"),
        ("llama al 9 8765-4321 ya", "llama al +56 •••• 321 ya"),
        ("(56) 9 8765 4321", "(+56 •••• 321"),
        ("2026-11-22 987654321 a las 10", "2026-11-22 +56 •••• 321 a las 10"),
        ("tel:+56987654321", "tel:+56 •••• 321"),
        ("+54 9 11 2345-6789", "+54 •••• 789"),
        ("+54 11 2345-6789", "+54 •••• 789"),
        ("Ana.Rojas@Ejemplo.cl.", "a•••@e•••.cl."),
        ("<ana.rojas@ejemplo.cl>", "<a•••@e•••.cl>"),
        ("?to=ana.rojas@ejemplo.cl&x=1", "?to=a•••@e•••.cl&x=1"),
        ("?q=ana.rojas%40ejemplo.cl", "?q=a•••@e•••.cl"),
        ("?q=%2B56987654321", "?q=%2B+56 •••• 321"),
        ("o&#x27;higgins+a@münchen.example", "o•••@x•••.example"),
        ("o'higgins+a@xn--mnchen-3ya.example", "o•••@x•••.example"),
    ],
)
def test_a_known_value_is_masked_however_it_is_written(text: str, left: str, ana: Channel, scoped: Account) -> None:
    assert mask_known(text, region="CL") == left


@pytest.mark.parametrize(
    "text", ["hola@otra.cl", "pedido 20261122001", "+56 9 1111 0000", "12 34 56 78 90 12", "9876543210", "id=98765432", "a" * 50, ""]
)
def test_what_is_nobodys_stays(text: str, ana: Channel, scoped: Account) -> None:
    assert mask_known(text, region="CL") == text


def test_the_length_of_a_text_does_not_count_in_queries(ana: Channel, scoped: Account, django_assert_num_queries: object) -> None:
    for text in ("987654321", "987654321 ana.rojas@ejemplo.cl " * 200):
        with django_assert_num_queries(1):  # type: ignore[operator]
            mask_known(text, region="CL")


def test_a_mask_keeps_little() -> None:
    assert masked("email", "maria.perez@correo.ejemplo.cl") == "m•••@c•••.cl"
    assert masked("whatsapp", "56987654321") == "+56 •••• 321"


def test_an_administrator_chooses_and_the_audit_says_so(admin: Membership, scoped: Account) -> None:
    changed = change_masking(
        account=scoped, levels={"agent": "hidden", "supervisor": "on_request", "admin": "shown"}, by=Actor.person(admin)
    )
    assert [level_for(changed, role) for role in ("agent", "supervisor", "admin")] == [Level.HIDDEN, Level.ON_REQUEST, Level.SHOWN]
    entry = AuditEntry.scoped().get(action="masking.change")
    assert entry.detail["changed"] == {"agent": ["shown", "hidden"], "supervisor": ["shown", "on_request"]}
    again = change_masking(account=changed, levels={"agent": "hidden"}, by=Actor.person(admin))
    assert again.masking == changed.masking
    assert AuditEntry.scoped().filter(action="masking.change").count() == 1


@pytest.mark.parametrize("levels", [{"admin": "hidden"}, {"agent": "nada"}, {"owner": "shown"}])
def test_what_makes_no_sense_is_refused(levels: dict[str, str], admin: Membership, scoped: Account) -> None:
    with pytest.raises(ValidationError):
        change_masking(account=scoped, levels=levels, by=Actor.person(admin))
    scoped.refresh_from_db()
    assert scoped.masking == {}


def test_a_supervisor_may_not_choose(supervisor: Membership, scoped: Account) -> None:
    with pytest.raises(PermissionDenied):
        change_masking(account=scoped, levels={"agent": "hidden"}, by=Actor.person(supervisor))
    scoped.refresh_from_db()
    assert scoped.masking == {}
    assert not AuditEntry.scoped().filter(action="masking.change").exists()


def test_the_page_saves_what_was_chosen(admin_client: Client, scoped: Account) -> None:
    path = f"/a/{scoped.slug}/settings/masking/"
    page = admin_client.get(path).content.decode()
    assert "m•••@e•••.cl" in page
    admin_client.post(path, {"agent": "hidden", "supervisor": "on_request", "admin": "on_request"})
    scoped.refresh_from_db()
    assert scoped.masking == {"agent": "hidden", "supervisor": "on_request", "admin": "on_request"}
    assert admin_client.post(path, {"agent": "hidden", "supervisor": "shown", "admin": "hidden"}).status_code == 422
