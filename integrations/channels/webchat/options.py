"""What an administrator sets on a web chat, read and validated in one place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Channel
from inbox.adapters import SettingField

COLOUR = "#0b6e63"
LANGUAGES = ("", "es", "en")
SIDES = ("right", "left")
FORMS = ("offer", "required", "off")
SHORTEST_SECRET = 32

FIELDS: tuple[SettingField, ...] = (
    SettingField("title", gettext_lazy("Title"), gettext_lazy("Stands at the top of the chat."), required=False),
    SettingField("welcome", gettext_lazy("Welcome text"), gettext_lazy("Shown before the first message."), required=False),
    SettingField("colour", gettext_lazy("Brand colour"), gettext_lazy("As #0b6e63."), required=False, default=COLOUR),
    SettingField(
        "side",
        gettext_lazy("Side"),
        required=False,
        default="right",
        choices=(("right", gettext_lazy("Right")), ("left", gettext_lazy("Left"))),
    ),
    SettingField(
        "language",
        gettext_lazy("Language"),
        required=False,
        choices=(("", gettext_lazy("That of the page")), ("es", gettext_lazy("Spanish")), ("en", gettext_lazy("English"))),
    ),
    SettingField(
        "form",
        gettext_lazy("Contact form"),
        required=False,
        default="offer",
        choices=(
            ("offer", gettext_lazy("Offered, may be skipped")),
            ("required", gettext_lazy("Required before the first message")),
            ("off", gettext_lazy("None")),
        ),
    ),
    SettingField("attachments", gettext_lazy("Visitors may send images"), "", False, False, True, "boolean"),
    SettingField("privacy_url", gettext_lazy("Privacy notice"), gettext_lazy("Linked below the form."), required=False, kind="url"),
    SettingField(
        "allowed_origins",
        gettext_lazy("Allowed sites"),
        gettext_lazy("Origins such as https://www.example.com that may show this chat, one per line; empty: any."),
        required=False,
        default=(),
        kind="list",
    ),
    SettingField(
        "identity_secret",
        gettext_lazy("Identity secret"),
        gettext_lazy("At least 32 random characters; your server signs with it who is signed in there."),
        secret=True,
        required=False,
    ),
    SettingField(
        "identity_required",
        gettext_lazy("Only for signed-in people"),
        gettext_lazy("Refuse visitors without a right signature."),
        required=False,
        default=False,
        kind="boolean",
    ),
)


@dataclass(frozen=True)
class Options:
    """The settings of one web chat, defaults filled in."""

    title: str
    welcome: str
    colour: str
    side: str
    language: str
    form: str
    attachments: bool
    privacy_url: str
    allowed_origins: tuple[str, ...]
    identity_secret: str
    identity_required: bool

    @classmethod
    def of(cls, channel: Channel) -> "Options":
        secrets: Any = channel.secrets
        given: dict[str, Any] = {**channel.settings, **(secrets or {})}
        values = {field.name: given.get(field.name) or field.default for field in FIELDS}
        values["attachments"] = given.get("attachments", True) is not False
        values["allowed_origins"] = tuple(values["allowed_origins"])
        return cls(**values)

    def allows(self, origin: str) -> bool:
        """Whether a page of this origin may show the chat. Programs send no origin; a browser cannot leave it out."""
        return not self.allowed_origins or not origin or origin in self.allowed_origins

    @property
    def ink(self) -> str:
        """Black or white, whichever is easier to read on the brand colour: at least 4.5 to 1 on any colour."""
        light = _luminance(self.colour)
        return "#ffffff" if 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 else "#000000"


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it, 0 to 1."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def validate(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, cleaned. Raises ``ValidationError`` keyed by field."""
    values: dict[str, Any] = {
        name: str(given.get(name) or "").strip() for name in ("title", "welcome", "colour", "side", "language", "form", "privacy_url")
    }
    values |= {"colour": values["colour"].lower() or COLOUR, "side": values["side"] or "right", "form": values["form"] or "offer"}
    errors = {name: _("This channel has no such setting.") for name in given if name not in {field.name for field in FIELDS}}
    if not re.fullmatch(r"#[0-9a-f]{6}", values["colour"]):
        errors["colour"] = _("Write the colour as # and six hexadecimal digits, for example #0b6e63.")
    for name, allowed in (("side", SIDES), ("language", LANGUAGES), ("form", FORMS)):
        if values[name] not in allowed:
            errors[name] = _("Choose one of: %(choices)s.") % {"choices": ", ".join(filter(None, allowed))}
    if values["privacy_url"] and urlsplit(values["privacy_url"]).scheme not in ("https", "http"):
        errors["privacy_url"] = _("Write a whole address that begins with https://.")
    if len(values["title"]) > 60 or len(values["welcome"]) > 400:
        errors["title" if len(values["title"]) > 60 else "welcome"] = _("This is too long.")
    values["allowed_origins"], wrong = _origins(given.get("allowed_origins") or ())
    if wrong:
        errors["allowed_origins"] = _("%(value)s is not an origin such as https://www.example.com.") % {"value": wrong}
    values["identity_secret"] = str(given.get("identity_secret") or "").strip()
    values["identity_required"] = _truth(given.get("identity_required", False))
    values["attachments"] = _truth(given.get("attachments", True))
    if values["identity_secret"] and len(values["identity_secret"]) < SHORTEST_SECRET:
        errors["identity_secret"] = _("Use at least %(count)d random characters.") % {"count": SHORTEST_SECRET}
    if values["identity_required"] and not values["identity_secret"]:
        errors["identity_required"] = _("This needs an identity secret.")
    if errors:
        raise ValidationError(errors)
    return values


def _truth(value: Any) -> bool:
    return value is True or str(value).lower() in ("true", "1", "on", "yes")


def _origins(given: Any) -> tuple[list[str], str]:
    """The origins in the browser's spelling, and the first value that is none."""
    found = []
    for value in given.split() if isinstance(given, str) else given:
        parts = urlsplit(str(value).strip().lower())
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
            return [], str(value)
        found.append(f"{parts.scheme}://{parts.netloc}")
    return found, ""
