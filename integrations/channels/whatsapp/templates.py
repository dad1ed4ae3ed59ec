"""Message templates that Meta has approved, as the administrator lists them on the channel."""

import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

CATEGORIES = ("utility", "marketing", "authentication")
_NAME = re.compile(r"[a-z0-9_]{1,512}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")


def clean_templates(listed: list[Any]) -> list[dict[str, str]]:
    """Templates as ``{name, language, body, category}``. Raises ``ValidationError`` that says which one is wrong."""
    cleaned = []
    for position, template in enumerate(listed, start=1):
        if not isinstance(template, Mapping):
            raise ValidationError(_("Template %(number)s: give name, language and body.") % {"number": position})
        found = {key: str(template.get(key) or "").strip() for key in ("name", "language", "body", "category")}
        found["category"] = found["category"].lower() or "utility"
        if not _NAME.fullmatch(found["name"]) or not _LANGUAGE.fullmatch(found["language"]) or not found["body"]:
            wanted = _("Template %(number)s needs a name (small letters, digits and _), a language such as es or es_MX, and a body.")
            raise ValidationError(wanted % {"number": position})
        if found["category"] not in CATEGORIES:
            raise ValidationError(_("Template %(number)s: the category is utility, marketing or authentication.") % {"number": position})
        cleaned.append(found)
    return cleaned


def components_of(template: Mapping[str, Any]) -> dict[str, Any]:
    """The API's ``template`` object for ``{name, language, parameters: [...]}``; ``components`` is passed on where it is given."""
    components = template.get("components")
    if not components and (values := template.get("parameters")):
        components = [{"type": "body", "parameters": [_parameter(value) for value in values]}]
    said = {"name": template["name"], "language": {"code": template["language"]}}
    return {**said, "components": components} if components else said


def _parameter(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    # Meta refuses line breaks and runs of blanks inside a value.
    return {"type": "text", "text": " ".join(str(value).split())}
