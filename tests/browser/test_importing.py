"""An import in a real browser, with a real worker: a Spanish file with bad rows, its columns, the check, the run, the undo."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from accounts.actors import Actor
from accounts.scope import account_scope
from contacts.models import Contact
from contacts.queries import visible_contacts
from integrations.models import Import
from integrations.scheduled_exports.setting_up import Wish, save
from tests.browser.conftest import LiveServer, assert_accessible, sign_in
from tests.conftest import make_account, make_member
from tests.integrations.importing.files import does, imported

pytestmark = pytest.mark.browser
PEOPLE = """Código;Nombre;Correo electrónico;Celular;Comuna
A1;María Pérez;maria@ejemplo.cl;9 1111 2222;Ñuñoa
A2;Juan Soto;juan@ejemplo.cl;5,69812E+11;Maipú
A3;Rosa Díaz;rosa(arroba)ejemplo.cl;;Talca
A4;Pedro Rojas;pedro@ejemplo.cl;+56 9 3333 4444;Arica
"""


def picture(page: Page, name: str) -> None:
    """Kept where somebody wants to look at them."""
    if folder := os.environ.get("HILO_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_a_spanish_file_is_checked_imported_and_undone(
    page: Page, context: BrowserContext, live_server_asgi: LiveServer, db: None, tmp_path: Path
) -> None:
    account = make_account("plaza", unification_enabled=True)
    sign_in(context, live_server_asgi, make_member(account, "supervisor", "sofia"))
    file = tmp_path / "clientes.csv"
    file.write_bytes(PEOPLE.encode("cp1252"))
    page.goto(f"{live_server_asgi.url}/a/{account.slug}/contacts/")
    page.get_by_role("link", name="Importar").click()
    assert_accessible(page)
    picture(page, "imports-empty")
    page.get_by_label("Archivo", exact=True).set_input_files(file)
    page.get_by_role("button", name="Subir").click()

    expect(page.get_by_label("Comuna", exact=True)).to_have_value("city")
    expect(page.get_by_text("La planilla acortó este número")).to_be_visible()
    expect(page.get_by_text("María Pérez").first).to_be_visible()
    assert_accessible(page)
    picture(page, "import-columns")
    page.get_by_role("button", name="Revisar todas las filas").click()
    expect(page.get_by_role("heading", name="Qué pasaría")).to_be_visible(timeout=30_000)
    expect(page.locator(".tally.good")).to_contain_text("2")
    with account_scope(account):
        assert not Contact.scoped().exists()
    assert_accessible(page)
    picture(page, "import-check")

    page.get_by_role("button", name="Importar ahora").click()
    expect(page.get_by_role("button", name="Deshacer la importación")).to_be_visible(timeout=30_000)
    expect(page.locator(".tally.bad")).to_contain_text("2")
    with page.expect_download() as download:
        page.get_by_role("link", name="Descargar las filas rechazadas").click()
    assert "Juan Soto" in Path(download.value.path()).read_text(encoding="utf-8-sig")
    with account_scope(account):
        assert set(visible_contacts().values_list("name", flat=True)) == {"María Pérez", "Pedro Rojas"}
    assert_accessible(page)
    picture(page, "import-done")

    page.get_by_role("button", name="Deshacer la importación").click()
    expect(page.get_by_role("heading", name="La importación se deshizo")).to_be_visible(timeout=30_000)
    with account_scope(account):
        assert not visible_contacts().exists()
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 800})
    picture(page, "import-undone-dark-phone")
    page.goto(f"{live_server_asgi.url}/a/{account.slug}/contacts/import/")
    picture(page, "imports-dark-phone")


def test_nothing_is_cut_off_on_a_phone(page: Page, context: BrowserContext, live_server_asgi: LiveServer, db: None) -> None:
    account = make_account("plaza", unification_enabled=True)
    admin = make_member(account, "admin", "ada")
    with account_scope(account):
        does("check", imported(PEOPLE, admin), admin)
        imported(
            "Correo;Finalidad;Canal;Suscrito;Fecha;Prueba\nana@ejemplo.cl;marketing;correo;Sí;2025-03-31;web\n", admin, kind="consents"
        )
        imported("Ticket;Fecha;Tipo;Correo;Texto\nT1;2025-03-31;cliente;ana@ejemplo.cl;Hola\n", admin, kind="conversations")
        wish = Wish(name="Bodega", tables=["contacts"], format="parquet", place="bucket", bucket="bodega", key_id="id", key="key")
        scheduled = save(wish=wish, by=Actor.person(admin))
        first, *rest = Import.scoped().order_by("pk").values_list("pk", flat=True)
    sign_in(context, live_server_asgi, admin)
    page.set_viewport_size({"width": 390, "height": 844})
    root = f"{live_server_asgi.url}/a/{account.slug}/contacts/"
    pages = ["import/", f"import/{first}/", *(f"import/{pk}/" for pk in rest)]
    pages += ["export/", "export/scheduled/", "export/scheduled/new/", f"export/scheduled/{scheduled.pk}/"]
    for number, path in enumerate(pages):
        page.emulate_media(color_scheme="dark" if number % 2 else "light")
        page.goto(root + path)
        picture(page, f"phone-{number}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        cut = page.evaluate("[...document.querySelectorAll('select, .table-box')].filter(e => e.scrollWidth > e.clientWidth + 2).length")
        assert cut == 0, path
        assert_accessible(page)
    page.goto(f"{root}import/{first}/")
    expect(page.locator(".tally.bad")).to_contain_text("Filas rechazadas")
    expect(page.locator(".in-bucket")).to_have_count(0)
    page.goto(f"{root}export/scheduled/new/")
    expect(page.get_by_label("Bucket", exact=True)).to_be_hidden()
    page.get_by_text("Bucket compatible con S3").click()
    expect(page.get_by_label("Bucket", exact=True)).to_be_visible()
