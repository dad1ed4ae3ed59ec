"""How an account's portal looks: its name, its letters, its colour, made readable on light and on dark ground."""

from dataclasses import dataclass

from django.db import transaction

from accounts.actors import Actor
from accounts.auditing import record
from accounts.models import Account
from accounts.roles import Ability, require
from accounts.templatetags.interface import initials
from consent.models import PortalSettings

# The grounds that the colour stands on as text (static/css/tokens.css: --surface).
LIGHT_GROUND, DARK_GROUND = (0xFD, 0xFD, 0xFC), (0x19, 0x1A, 0x1D)
ENOUGH = 4.6  # WCAG asks for 4.5 to 1

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Brand:
    """What stands at the top of every page. ``colour`` is empty for the house's own."""

    title: str
    mark: str
    colour: str


@dataclass(frozen=True)
class Shades:
    """The colour on both grounds, and the letters that are read on it."""

    light: str
    light_ink: str
    dark: str
    dark_ink: str


def brand_of(account: Account) -> Brand:
    """One query."""
    row = PortalSettings.scoped().first() or PortalSettings()
    title = row.title or account.name
    return Brand(title, row.mark or initials(title) or title[:1].upper(), row.colour)


@transaction.atomic
def change_brand(*, title: str, mark: str, colour: str, by: Actor) -> PortalSettings:
    """Raises ``ValidationError`` and ``PermissionDenied``."""
    require(by, Ability.MANAGE_CONSENT)
    row = PortalSettings.scoped().select_for_update().first() or PortalSettings()
    before = {"title": row.title, "mark": row.mark, "colour": row.colour}
    row.title, row.mark, row.colour = title.strip(), mark.strip(), colour.strip().lower()
    row.full_clean(exclude=["account"], validate_constraints=False)
    row.save()
    after = {"title": row.title, "mark": row.mark, "colour": row.colour}
    changed = {name: [before[name], value] for name, value in after.items() if before[name] != value}
    if changed:
        record(actor=by, action="portal.change", target=row, changed=changed)
    return row


def shades_of(colour: str) -> Shades:
    """The colour, darker or lighter where it has to be so that it can be read as text on either ground."""
    given = _read(colour)
    light, dark = _until_readable(given, LIGHT_GROUND, (0, 0, 0)), _until_readable(given, DARK_GROUND, (255, 255, 255))
    return Shades(_written(light), _ink_on(light), _written(dark), _ink_on(dark))


def contrast(one: Colour, other: Colour) -> float:
    """WCAG's contrast ratio, 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _until_readable(colour: Colour, ground: Colour, towards: Colour) -> Colour:
    for step in range(21):
        mixed = tuple(round(part + (end - part) * step / 20) for part, end in zip(colour, towards, strict=True))
        if contrast((mixed[0], mixed[1], mixed[2]), ground) >= ENOUGH:
            return mixed[0], mixed[1], mixed[2]
    return towards


def _ink_on(colour: Colour) -> str:
    return "#ffffff" if contrast(colour, (255, 255, 255)) >= contrast(colour, (0, 0, 0)) else "#000000"


def _luminance(colour: Colour) -> float:
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (each / 255 for each in colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _read(colour: str) -> Colour:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _written(colour: Colour) -> str:
    return "#" + "".join(f"{part:02x}" for part in colour)
