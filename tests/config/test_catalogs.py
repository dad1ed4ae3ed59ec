"""Catalogs: collected from every kind of source, merged without losing work, compiled, complete."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext

from config import catalogs

TEMPLATE = """
{% load i18n %}
      <p>{% translate "Mailbox" %}</p>
  <p>{% blocktranslate trimmed count n=total with who=name %}
     One letter for {{ who }}
   {% plural %}
     {{ n }} letters for {{ who }}
  {% endblocktranslate %}</p>
{{ _("In a variable")|upper }} {% if x == 1 %}it's "fine" ({% endif %}
{% translate "May" context "month" %}
"""
MODULE = """
from django.utils.translation import gettext as _, ngettext, gettext_lazy, pgettext
a = _("Plain"), gettext_lazy("Lazy"), ngettext("%(n)d day", "%(n)d days", 2), pgettext("verb", "Open")
b = _(variable), "not " + "text"
"""


@pytest.fixture
def house(settings: Any, tmp_path: Path) -> Path:
    """A small product with one template and one module."""
    settings.BASE_DIR = tmp_path
    settings.LOCALE_PATHS = [tmp_path / "locale"]
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text(TEMPLATE)
    (tmp_path / "accounts").mkdir()
    (tmp_path / "accounts" / "words.py").write_text(MODULE)
    return tmp_path


def spanish(house: Path) -> str:
    return (house / "locale/es/LC_MESSAGES/django.po").read_text()


def translate(house: Path, msgid: str, msgstr: str) -> None:
    path = house / "locale/es/LC_MESSAGES/django.po"
    path.write_text(path.read_text().replace(f'msgid "{msgid}"\nmsgstr ""', f'msgid "{msgid}"\nmsgstr "{msgstr}"'))


def test_texts_come_from_python_and_templates(house: Path) -> None:
    assert catalogs.collect() == {
        ("", "Plain"),
        ("", "Lazy"),
        ("", ("%(n)d day", "%(n)d days")),
        ("verb", "Open"),
        ("", "Mailbox"),
        ("", ("One letter for %(who)s", "%(n)s letters for %(who)s")),
        ("", "In a variable"),
        ("month", "May"),
    }


def test_an_update_keeps_translations_and_drops_what_is_gone(house: Path) -> None:
    catalogs.update()
    translate(house, "Mailbox", "Buzón")
    translate(house, "Plain", "Simple")
    (house / "accounts" / "words.py").write_text('_("New")')

    problems = catalogs.update()

    assert 'msgid "Mailbox"\nmsgstr "Buzón"' in spanish(house)
    assert "Plain" not in spanish(house)
    assert ("es", "New", "is not translated") in problems
    assert {problem.language for problem in problems} == {"es"}


def test_a_catalog_is_sorted_and_says_neither_when_nor_where(house: Path) -> None:
    catalogs.update()
    ids = [line for line in spanish(house).splitlines() if line.startswith("msgid ") and line != 'msgid ""']

    assert ids == sorted(ids)
    assert "#" not in spanish(house)
    assert "Date" not in spanish(house)
    before = spanish(house)
    catalogs.update()
    assert spanish(house) == before


def test_a_check_writes_nothing_and_names_what_is_missing(house: Path) -> None:
    assert {(problem.language, problem.what) for problem in catalogs.check()} == {
        ("es", "is out of date: run make catalogs"),
        ("en", "is out of date: run make catalogs"),
        ("pt", "is out of date: run make catalogs"),
    }
    assert not (house / "locale").exists()

    catalogs.update()
    assert ("es", "Mailbox", "is not translated") in catalogs.check()


def test_a_translation_must_keep_the_placeholders(house: Path) -> None:
    (house / "accounts" / "words.py").write_text('_("Hello %(name)s")')
    catalogs.update()

    translate(house, "Hello %(name)s", "Hola %(nombre)s")

    assert ("es", "Hello %(name)s", "is translated with other placeholders") in catalogs.update()


def test_what_two_branches_added_side_by_side_is_put_in_order(house: Path) -> None:
    catalogs.update()
    path = house / "locale/es/LC_MESSAGES/django.po"
    path.write_text(path.read_text() + '\nmsgid "Plain"\nmsgstr "Simple"\n\nmsgid "Lazy"\nmsgstr "Perezoso"\n')

    catalogs.update()

    assert spanish(house).count('msgid "Plain"') == 1


def test_a_stale_catalog_is_compiled_at_the_start(house: Path) -> None:
    catalogs.update()
    compiled = house / "locale/es/LC_MESSAGES/django.mo"
    compiled.unlink()

    catalogs.compile_stale()

    assert compiled.exists()
    assert not list(compiled.parent.glob("*.tmp"))


def test_no_variable_of_a_template_is_translated_with_a_percent_sign() -> None:
    """Django doubles the sign in ``_("…")`` and looks for another text; ``{% translate %}`` undoes the doubling."""
    templates = (Path(settings.BASE_DIR) / "templates").rglob("*.html")

    assert [path.name for path in templates if re.search(r"""_\((["'])[^"']*%[^"']*\1\)""", path.read_text())] == []


def test_both_languages_speak() -> None:
    with translation.override("es"):
        assert gettext("Queued") == "En cola"
    with translation.override("en"):
        assert gettext("Queued") == "Queued"
