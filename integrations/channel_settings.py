"""What an administrator or the API may set on a channel: checked against the adapter's own list of fields."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import Channel
from inbox.adapters import SettingField

MAX_LENGTH = 4000


def secret_of(channel: Channel, name: str) -> str:
    """One secret of a channel, in the clear; empty where it is not set."""
    secrets: Any = channel.secrets
    found = secrets.get(name, "")
    return found if isinstance(found, str) else ""


def clean_settings(fields: Iterable[SettingField], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given settings with types put right and defaults filled in. Raises ``ValidationError``, keyed by field."""
    known = {field.name: field for field in fields}
    errors: dict[str, Any] = {name: _("This channel has no such setting.") for name in given if name not in known}
    cleaned: dict[str, Any] = {}
    for name, field in known.items():
        try:
            cleaned[name] = _clean(field, given.get(name))
        except ValidationError as error:
            errors[name] = error
    if errors:
        raise ValidationError(errors)
    return cleaned


def _clean(field: SettingField, value: Any) -> Any:
    if value is None or (isinstance(value, str) and not value.strip()):
        if field.required and field.default in ("", None):
            raise ValidationError(_("This is needed."), code="required")
        return field.default() if callable(field.default) else field.default
    return _CLEANERS.get(field.kind, _clean_text)(value)


def _clean_text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValidationError(_("Give text here."))
    text = str(value).strip()
    if len(text) > MAX_LENGTH or "\x00" in text:
        raise ValidationError(_("This is too long, or holds a character that cannot be stored."))
    return text


def _clean_url(value: Any) -> str:
    text = _clean_text(value).rstrip("/")
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.username or parts.password)
        valid = valid and (parts.port is None or parts.port > 0) and not parts.query and not parts.fragment
    except ValueError:
        valid = False
    if not valid:
        raise ValidationError(_("Give an address that starts with https://, without a user name and without '?'."))
    return text


def _clean_number(value: Any) -> int:
    try:
        return int(_clean_text(value))
    except ValueError:
        raise ValidationError(_("Give a whole number.")) from None


def _clean_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}
    try:
        return words[str(value).strip().lower()]
    except KeyError:
        raise ValidationError(_("Say true or false.")) from None


def _clean_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValidationError(_("Give a list."))
    return value


_CLEANERS: dict[str, Any] = {"url": _clean_url, "number": _clean_number, "boolean": _clean_boolean, "list": _clean_list}
