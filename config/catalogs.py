"""The catalogs of both languages, and of the one that only the customer portal speaks.

Collected from the sources, merged into ``locale/``, compiled without system tools.
The ``.po`` files are sorted and carry neither line numbers nor dates, so that two branches rarely touch the same lines (and
``.gitattributes`` joins them where they do). The ``.mo`` files are compiled on the spot and not kept in the repository.
"""

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

SOURCE_LANGUAGE = "en"
SOURCES = ("accounts", "contacts", "consent", "inbox", "integrations", "config", "templates")
# A language that only the customer portal speaks. Its catalog holds what these sources say, all of it; a page elsewhere never
# asks for it (settings.LANGUAGES). What the portal shows beyond them is found by tests/consent/portal/test_languages.py.
PARTIAL = {
    "pt": (
        "consent/portal",
        "consent/views/portal",
        "consent/views/one_click.py",
        "consent/models/people.py",
        "consent/own_words.py",
        "consent/vocabulary.py",
        "integrations/sending_codes.py",
        "templates/partials/field.html",
        "templates/partials/form_errors.html",
        "templates/portal",
    ),
}
KEYWORDS = DEFAULT_KEYWORDS | {
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
HEADER = """msgid ""
msgstr ""
"Language: {language}\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

"""
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sdf]|\{\w*\}")

# (context or "", msgid or (singular, plural))
Text = tuple[str, str | tuple[str, str]]


class Problem(NamedTuple):
    """Why a catalog is not complete."""

    language: str
    text: str
    what: str


def languages() -> list[str]:
    return [*(code for code, _name in settings.LANGUAGES), *PARTIAL]


def po_path(language: str) -> Path:
    return Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES" / "django.po"


def update() -> list[Problem]:
    """Bring every catalog in line with the sources, compile it, and tell what still waits for a translator."""
    for language in languages():
        path = po_path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = render(merged(language, collect(language)))
        if not path.exists() or path.read_text() != content:
            path.write_text(content)
        compile_catalog(language)
    return _untranslated()


def check() -> list[Problem]:
    """What ``update`` would change, and what is not translated. Writes nothing."""
    outdated = [
        Problem(language, "", "is out of date: run make catalogs")
        for language in languages()
        if not po_path(language).exists() or po_path(language).read_text() != render(merged(language, collect(language)))
    ]
    return outdated + _untranslated()


def compile_stale() -> None:
    """Compile each catalog whose ``.mo`` is missing or older than its ``.po``. Safe to run in several processes at once."""
    for language in languages():
        po, mo = po_path(language), po_path(language).with_suffix(".mo")
        if po.exists() and (not mo.exists() or mo.stat().st_mtime_ns < po.stat().st_mtime_ns):
            compile_catalog(language)


def compile_catalog(language: str) -> None:
    path = po_path(language)
    content = BytesIO()
    write_mo(content, read_catalog(language))
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
        file.write(content.getvalue())
    os.chmod(file.name, 0o644)
    os.replace(file.name, path.with_suffix(".mo"))


def collect(language: str = SOURCE_LANGUAGE) -> set[Text]:
    """Every text that goes through gettext in the sources that the language has to cover."""
    return {text for path in _source_files(PARTIAL.get(language, SOURCES)) for text in _texts_of(path)}


def _source_files(places: Iterable[str]) -> Iterator[Path]:
    for place in places:
        whole = settings.BASE_DIR / place
        for path in [whole] if whole.is_file() else sorted(whole.rglob("*")):
            if path.suffix in (".py", ".html", ".txt") and "migrations" not in path.parts:
                yield path


def _texts_of(path: Path) -> Iterator[Text]:
    source = path.read_text()
    if path.suffix != ".py":
        if "{%" not in source and "{{" not in source:
            return
        # Calls of gettext stay, each on one line; everything else becomes rows of letters, whose indentation means nothing.
        source = "\n".join(line.strip() for line in templatize(source, origin=str(path)).splitlines())
    for _line, function, arguments, _comments in extract_python(BytesIO(source.encode()), KEYWORDS, (), {"encoding": "utf-8"}):
        if text := _text(str(function), arguments):
            yield text


def _text(function: str, arguments: Any) -> Text | None:
    given: list[Any] = list(arguments) if isinstance(arguments, (tuple, list)) else [arguments]
    context = ""
    if "pgettext" in function:
        context, given = given[0], given[1:]
    count = 2 if function.removesuffix("_lazy") in ("ngettext", "npgettext") else 1
    words = given[:count]
    if len(words) < count or not all(isinstance(word, str) and word for word in words):
        return None
    return context, (words[0] if count == 1 else (words[0], words[1]))


def read_catalog(language: str) -> Catalog:
    """The catalog as it lies in ``locale/``; an empty one where there is none."""
    path = po_path(language)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def merged(language: str, texts: Iterable[Text]) -> Catalog:
    """A catalog of exactly these texts with the translations we have. English says what the source says unless it is told otherwise."""
    known, catalog = read_catalog(language), Catalog(locale=language)
    for context, text in texts:
        key = text if isinstance(text, str) else text[0]
        old = known.get(key, context or None)
        new = catalog.add(text, context=context or None)
        if old is not None and bool(old.pluralizable) == bool(new.pluralizable) and _is_translated(old):
            new.string = old.string
        elif language == SOURCE_LANGUAGE:
            new.string = text
    return catalog


def render(catalog: Catalog) -> str:
    """The ``.po`` text: sorted, one line per string, nothing that changes by itself."""
    out = BytesIO()
    for message in catalog:
        message.locations, message.flags = [], set()
    write_po(out, catalog, width=0, no_location=True, omit_header=True, sort_output=True)
    return HEADER.format(language=catalog.locale) + out.getvalue().decode().strip() + "\n"


def _is_translated(message: Message) -> bool:
    strings = message.string if isinstance(message.string, (tuple, list)) else [message.string]
    return all(strings) and not message.fuzzy


def _untranslated() -> list[Problem]:
    problems = []
    for language in languages():
        for message in read_catalog(language):
            if not message.id:
                continue
            text = message.id if isinstance(message.id, str) else message.id[0]
            if not _is_translated(message):
                problems.append(Problem(language, text, "is not translated"))
            elif not _same_placeholders(message):
                problems.append(Problem(language, text, "is translated with other placeholders"))
    return problems


def _same_placeholders(message: Message) -> bool:
    """A plural may leave its number out in the singular; nothing else may go missing or appear."""
    ids = [message.id] if isinstance(message.id, str) else list(message.id)
    strings = [message.string] if isinstance(message.string, str) else list(message.string or ())
    allowed = {name for text in ids for name in PLACEHOLDER.findall(text)}
    needed = set(PLACEHOLDER.findall(ids[-1]))
    return all(set(PLACEHOLDER.findall(text)) <= allowed for text in strings) and needed <= set(PLACEHOLDER.findall(strings[-1]))
