"""Values of fields as people read and write them, where they are kept as something else."""

from datetime import date
from functools import cache
from typing import Any

from django.conf.locale import LANG_INFO
from django.utils import formats, translation
from django.utils.translation import get_language_info


def in_words(name: str, value: Any) -> Any:
    """A value as people read it: a language by its name, a date written out, everything else as given."""
    if name == "language":
        try:
            return get_language_info(str(value))["name_translated"].capitalize()
        except KeyError:
            return value
    if name == "date_of_birth":
        try:
            return formats.date_format(date.fromisoformat(str(value)), "DATE_FORMAT")
        except ValueError:
            return value
    return value


def language_code(text: str) -> str:
    """The code of a language that is written by its name, in the language of the request or in its own; else the text as it is."""
    return _codes(translation.get_language() or "en").get(text.strip().casefold(), text)


@cache
def _codes(active: str) -> dict[str, str]:
    """Names, of what is spoken anywhere before the kinds of it: "Portugués" is ``pt``, not ``pt-br``."""
    codes: dict[str, str] = {}
    with translation.override(active):
        for code in sorted((code for code, info in LANG_INFO.items() if "name" in info), key=lambda code: (len(code), code)):
            info = get_language_info(code)
            for name in (info["name_translated"], info["name_local"], info["name"]):
                codes.setdefault(name.casefold(), code)
    return codes
