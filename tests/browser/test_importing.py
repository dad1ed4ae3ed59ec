"""An import in a real browser, with a real worker: a Spanish file with bad rows, its columns, the check, the run, the undo."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from accounts.scope import account_scope
from contacts.models import Contact
from contacts.queries import visible_contacts
from tests.browser.conftest import LiveServer, assert_accessible, sign_in
from tests.conftest import make_account, make_member

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
