"""Who sees the emails and phones of people in full, and what everybody else sees in their place.

The rule holds at the door: whatever leaves towards a member whose role does not see addresses goes through ``mask_known``
(``contacts.masking_answers``), so that a page which nobody thought of shows nothing either. Sending works on ids and never passes here.
"""

import html
import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

import phonenumbers
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.actors import Actor
from accounts.auditing import record
from accounts.models import Account, Membership
from accounts.roles import Ability, Role, require
from contacts.models import Identifier
from contacts.normalising import normal

# Stands in the place of what is hidden; no address has it.
MARK = "•"
MASKED_KINDS = frozenset({"email", "phone", "whatsapp"})
# Digits of the shortest and of the longest number that anybody dials.
SHORTEST, LONGEST = 7, 15

_EMAIL = re.compile(r"(?:&(?:amp|#x27|#39);|[\w.!#$*+/=?^`{|}~'-])+(?:@|%40)[\w-]+(?:\.[\w-]+)+")
# What may part an address from what stands before it: ?to=ana@ejemplo.cl.
_BREAKS = re.compile(r"&(?:amp|#x27|#39);|[!#$*+/=?^`{|}~'.-]")
_NUMBERS = re.compile(r"(?:(?<![0-9A-Za-z])|(?<=%2B))\+?\d+(?:[ \u00a0.()-]{1,3}\d+)*(?![0-9A-Za-z])")
_DIGITS = re.compile(r"\d+")


class Level(models.TextChoices):
    """What a role sees of an address."""

    SHOWN = "shown", gettext_lazy("In full")
    ON_REQUEST = "on_request", gettext_lazy("Masked, one at a time by a click")
    HIDDEN = "hidden", gettext_lazy("Masked")


def level_for(account: Account, role: str) -> Level:
    """What the role sees; everything where nobody chose otherwise."""
    chosen = account.masking.get(role, Level.SHOWN)
    return Level(chosen) if chosen in Level.values else Level.HIDDEN


def level_of(membership: Membership) -> Level:
    """What the member sees."""
    return level_for(membership.account, membership.role)


@transaction.atomic
def change_masking(*, account: Account, levels: Mapping[str, str], by: Actor) -> Account:
    """Set what each role sees. Administrators can always look at one value: somebody has to be able to.

    Raises ``ValidationError``, ``PermissionDenied``.
    """
    require(by, Ability.MANAGE_CONSENT)
    if set(levels) - set(Role.values) or set(levels.values()) - set(Level.values):
        raise ValidationError(_("Choose what each role sees."))
    if levels.get(Role.ADMIN) == Level.HIDDEN:
        raise ValidationError({Role.ADMIN: _("Administrators can always look at one value.")})
    held = Account.objects.select_for_update().get(pk=account.pk)
    before = {role: str(level_for(held, role)) for role in levels}
    changed = {role: [before[role], str(level)] for role, level in levels.items() if before[role] != level}
    if changed:
        held.masking = {**held.masking, **{role: str(level) for role, level in levels.items()}}
        held.save(update_fields=["masking"])
        record(actor=by, action="masking.change", target=held, changed=changed)
    return held


@transaction.atomic
def reveal(*, identifier: Identifier, by: Actor) -> str:
    """The value in full, for a member who may look at one at a time; the audit says who looked. Raises ``PermissionDenied``."""
    require(by, Ability.WORK_CONVERSATIONS)
    if by.membership is not None and level_of(by.membership) is Level.HIDDEN:
        raise PermissionDenied(f"{by} sees addresses masked")
    record(actor=by, action="identifier.show", target=identifier, kind=identifier.kind, value=masked(identifier.kind, identifier.value))
    return identifier.value


def masked(kind: str, value: str) -> str:
    """Enough of the address for who knows it to recognise it, and for nobody else: m•••@e•••.cl, +56 •••• 567."""
    if kind == "email":
        local, _at, domain = value.rpartition("@")
        name, _dot, ending = domain.rpartition(".")
        return f"{local[:1]}•••@{name[:1]}•••.{ending}"
    country = _country_prefix(value)
    return f"{country} •••• {value[-3:]}".strip()


def _country_prefix(value: str) -> str:
    try:
        number = phonenumbers.parse("+" + value.lstrip("+"), None)
    except phonenumbers.NumberParseException:
        return ""
    return f"+{number.country_code}"


def refuse_masked(value: str) -> None:
    """Raise ``ValidationError`` for a value that is a mask: a form that was shown masked would write it over the real one."""
    if MARK * 3 in value:
        raise ValidationError({"value": _("This is masked: write the whole value, or leave it as it is.")})


def mask_known(text: str, *, region: str) -> str:
    """The text with the emails and phones of the account's people masked; other addresses and numbers stay. One query.

    ``region`` (ISO 3166) is the country whose numbers people write without a prefix. HTML and JSON stay whole: only the value is
    replaced, as text, in an attribute or in the query of a link.
    """
    spelt = {found[0] for found in _EMAIL.finditer(text)}
    emails = {one: list(_readings(one, region)) for one in spelt}
    runs = {found[0] for found in _NUMBERS.finditer(text) if _could_be(found[0])}
    spans = {run: list(_spans(run, region)) for run in runs}
    wanted = {key for readings in emails.values() for _start, key in readings}
    wanted |= {key for found in spans.values() for _start, _end, keys in found for key in keys}
    if not wanted:
        return text
    known = set(Identifier.scoped().filter(kind__in=MASKED_KINDS, key__in=wanted).values_list("key", flat=True))
    if not known:
        return text

    def without_email(found: re.Match[str]) -> str:
        hit = next(((start, key) for start, key in emails[found[0]] if key in known), None)
        return found[0][: hit[0]] + masked("email", hit[1]) if hit else found[0]

    def without_numbers(found: re.Match[str]) -> str:
        return _without_numbers(found[0], spans.get(found[0], []), known)

    return _NUMBERS.sub(without_numbers, _EMAIL.sub(without_email, text))


def _readings(spelt: str, region: str) -> Iterator[tuple[int, str]]:
    """Where an address may begin in what was found, and its key; the longest first."""
    local_ends = max(spelt.rfind("@"), spelt.rfind("%40"))
    for start in (0, *(gap.end() for gap in _BREAKS.finditer(spelt, 0, local_ends))):
        found = normal("email", html.unescape(unquote(spelt[start:]) if "%40" in spelt else spelt[start:]), region=region)
        if found is not None:
            yield start, found.key


def _could_be(run: str) -> bool:
    return sum(map(str.isdigit, run)) >= SHORTEST


def _spans(run: str, region: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Every stretch of the run that could be one number, with the keys it would have; the longest of each start first.

    Numbers that follow each other make one run: a date, an order, a phone.
    """
    groups = list(_DIGITS.finditer(run))
    for index, first in enumerate(groups):
        fitting = []
        digits = ""
        for last in groups[index:]:
            digits += last[0]
            if len(digits) > LONGEST:
                break
            if len(digits) >= SHORTEST:
                start = first.start() - 1 if first.start() and run[first.start() - 1] == "+" else first.start()
                fitting.append((start, last.end(), _keys(digits, run[start : last.end()], region)))
        yield from reversed(fitting)


def _keys(digits: str, spelt: str, region: str) -> tuple[str, ...]:
    keys = {digits, f"+{digits}"}
    for kind, text in (("phone", spelt), ("phone", f"+{digits}"), ("whatsapp", digits)):
        found = normal(kind, text, region=region)
        if found is not None:
            keys |= {found.key, found.key.lstrip("+"), f"+{found.key.lstrip('+')}"}
    return tuple(keys)


def _without_numbers(run: str, spans: list[tuple[int, int, tuple[str, ...]]], known: set[str]) -> str:
    parts, at = [], 0
    for start, end, keys in spans:
        if start >= at and (hit := next((key for key in keys if key in known), None)) is not None:
            parts += [run[at:start], masked("phone", hit)]
            at = end
    return "".join(parts) + run[at:]
