"""The lines of a mapping: what may be in step with what, what a change of a line forgets, and the pages where it is done."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, AuditEntry, Membership
from contacts.correcting import correct_field
from integrations.crm.contract import RemoteProperty
from integrations.models import Conflict, Connection, Mapping
from integrations.syncing.mapping import add_line, remove_line, rewrite_line
from integrations.syncing.mapping_lines import Line, checked
from tests.integrations.crm.others import ShopSide
from tests.integrations.crm.shop import Shop
from tests.integrations.crm.steps import fill, hear, person, record_of, settle_down, shown

SCHEMA = [
    RemoteProperty("city", "City"),
    RemoteProperty("tier", "Tier", type="enum", choices=("gold", "silver")),
    RemoteProperty("born", "Born", type="date"),
    RemoteProperty("code", "Code", is_writable=False),
    RemoteProperty("mails", "Emails", type="email", is_several=True),
    RemoteProperty("active", "Active", type="boolean"),
]
TAKEN = [Mapping(ours="city", remote="city")]


@pytest.mark.parametrize(
    ("line", "wrong", "why"),
    [
        (Line("city", "born"), "ours", "otra línea"),
        (Line("company", "city"), "remote", "otra línea"),
        (Line("company", "nada"), "remote", "nada"),
        (Line("company", ""), "remote", "propiedad"),
        (Line("Mi Campo!", "born"), "ours", "letras"),
        (Line("whatsapp", "born"), "ours", "letras"),
        (Line("company", "code"), "direction", "escribir"),
        (Line("company", "born", direction="sideways"), "direction", "respuestas"),
        (Line("email", "born"), "type", "Fecha"),
        (Line("email", "mails", type="date"), "type", "Correo"),
        (Line("date_of_birth", "active"), "type", "Sí o no"),
        (Line("company", "born", type="boolean"), "type", "Fecha"),
        (Line("company", "mails"), "type", "varios"),
        (Line("customer_number", "tier", type="enum"), "type", "identificador"),
        (Line("plan", "tier"), "choices", "cuál"),
        (Line("plan", "tier", choices={"gold": "x" * 201}), "choices", "largos"),
        (Line("plan", "tier", type="magic"), "type", "respuestas"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(line: Line, wrong: str, why: str) -> None:
    from django.utils.translation import override

    with override("es"), pytest.raises(ValidationError) as refused:
        checked(line, schema=SCHEMA, others=TAKEN)
    assert wrong in refused.value.message_dict
    assert why.lower() in " ".join(refused.value.message_dict[wrong]).lower()


def test_the_type_follows_from_both_sides() -> None:
    found = {
        (line.ours, line.remote): checked(line, schema=SCHEMA, others=TAKEN)
        for line in (Line("email", "mails"), Line("date_of_birth", "born"), Line("plan", "tier", choices={"gold": "oro", "": "x"}))
    }
    assert (found["email", "mails"]["type"], found["email", "mails"]["is_several"]) == ("email", True)
    assert found["date_of_birth", "born"]["type"] == "date"
    assert (found["plan", "tier"]["type"], found["plan", "tier"]["choices"]) == ("enum", {"gold": "oro"})
    assert checked(Line("company", "lo_que_sea"), schema=[], others=[])["type"] == "text"


@pytest.mark.django_db
def test_a_line_that_means_something_else_is_compared_anew(to_shop: Connection, shop: Shop) -> None:
    side = ShopSide(to_shop, shop)
    external_id = side.add("Ana", email="ana@example.org", city="Quito")
    Mapping.scoped().filter(ours="city").update(policy="manual")
    fill(to_shop)
    ana = person(to_shop, external_id)
    correct_field(contact=ana, field="city", value="Lima", by=SYSTEM)
    side.change(external_id, city="Loja")
    hear(to_shop)
    assert Conflict.scoped().get().state == "open"
    row = Mapping.scoped().get(ours="city")

    remove_line(row=row, by=SYSTEM)

    assert Conflict.scoped().get().state == "settled"
    assert "city" not in record_of(to_shop, external_id).base
    settle_down(to_shop)
    assert (shown(ana)["city"], side.values(external_id)["city"]) == ("Lima", "Loja")

    add_line(connection=to_shop, line=Line("city", "address.city", policy="ours"), schema=[], by=SYSTEM)
    settle_down(to_shop)
    fill(to_shop)
    settle_down(to_shop)
    assert (shown(ana)["city"], side.values(external_id)["city"]) == ("Lima", "Lima")
    assert AuditEntry.scoped().filter(action="connection.mapping").count() == 2


@pytest.mark.django_db
def test_who_may_change_it(to_shop: Connection, agent: Membership) -> None:
    by, row = Actor.person(agent), Mapping.scoped().filter(connection=to_shop).order_by("pk")[0]
    before = list(Mapping.scoped().values())
    for attempt in (
        lambda: add_line(connection=to_shop, line=Line("plan", "x"), schema=[], by=by),
        lambda: rewrite_line(row=row, line=Line("name", "x"), schema=[], by=by),
        lambda: remove_line(row=row, by=by),
    ):
        with pytest.raises(PermissionDenied):
            attempt()
    assert list(Mapping.scoped().values()) == before


@pytest.mark.django_db
def test_the_pages_show_a_record_and_change_the_lines(admin_client: Client, scoped: Account, to_shop: Connection, shop: Shop) -> None:
    def text(answer: Any) -> str:
        return str(answer.content.decode())

    shop.add(name="Ana", email="no es un correo", address={"street": None, "city": "Quito"})
    page = f"/a/{scoped.slug}/settings/connections/{to_shop.pk}/mapping/"
    first = text(admin_client.get(page))
    assert "Quito" in first
    assert "<s>no es un correo</s>" in first

    answers = {"direction": "both", "policy": "newest", "empty": "clear", "type": ""}
    refused = admin_client.post(page, {"ours": "city", "remote": "name", **answers})
    assert (refused.status_code, "Otra línea" in text(refused)) == (422, True)
    assert admin_client.post(page, {"ours": "own", "own": "Tarjeta Tienda", "remote": "id", **answers}).status_code == 302
    made = Mapping.scoped().get(ours="tarjeta_tienda")

    one = f"{page}{made.pk}/change/"
    assert admin_client.get(one).status_code == 200
    values = {"remote": "id", **answers, "type": "enum", "choices-theirs": ["1", "2"], "choices-ours": ["uno", "dos"]}
    assert admin_client.post(one, values).status_code == 302
    made.refresh_from_db()
    assert (made.type, made.choices) == ("enum", {"1": "uno", "2": "dos"})
    assert 'value="uno"' in text(admin_client.get(one))

    assert admin_client.post(f"{page}{made.pk}/remove/").status_code == 302
    assert not Mapping.scoped().filter(pk=made.pk).exists()
    Mapping.scoped().filter(ours="name").update(remote="nombre")
    lost = Mapping.scoped().get(ours="name")
    assert "nombre" in text(admin_client.get(f"{page}{lost.pk}/change/"))
    shop.busy = 1
    assert admin_client.get(page).status_code == 200
