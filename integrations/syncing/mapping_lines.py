"""What may be in step with what: the lines of a mapping, judged against the schema that the other system describes. Pure."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from contacts.correcting import LONGEST_FIELD, TYPED_KINDS
from contacts.models import IdentifierKind
from contacts.queries import FIELD_LABELS
from integrations.crm.contract import RemoteProperty
from integrations.models import Mapping as MappingRow

Type, Direction, Policy, Empty = MappingRow.Type, MappingRow.Direction, MappingRow.Policy, MappingRow.Empty
MOST_LINES, MOST_CHOICES = 60, 200
LONGEST_REMOTE, LONGEST_CHOICE = 120, 200
_OWN_NAME = re.compile(rf"[a-z][a-z0-9_]{{0,{LONGEST_FIELD - 1}}}")
# Kinds of identifier that people type in: only those may be given and taken.
KINDS = sorted(TYPED_KINDS)
# What a property of each type may be read as, the first one by itself.
READ_AS: dict[str, tuple[str, ...]] = {
    Type.TEXT: (Type.TEXT, Type.DATE, Type.ENUM, Type.EMAIL, Type.PHONE, Type.BOOLEAN),
    Type.EMAIL: (Type.EMAIL, Type.TEXT),
    Type.PHONE: (Type.PHONE, Type.TEXT),
    Type.DATE: (Type.DATE, Type.TEXT),
    Type.BOOLEAN: (Type.BOOLEAN, Type.ENUM, Type.TEXT),
    Type.ENUM: (Type.ENUM, Type.TEXT),
}
# As what the values of our own side are kept, where that is fixed.
KEPT_AS = {"email": Type.EMAIL, "phone": Type.PHONE, "date_of_birth": Type.DATE}


@dataclass(frozen=True)
class Line:
    """One line as a person wrote it. An empty ``type`` is chosen by what both sides are. ``choices``: value there → value here."""

    ours: str
    remote: str
    type: str = ""
    direction: str = Direction.BOTH
    policy: str = Policy.NEWEST
    empty: str = Empty.CLEAR
    choices: Mapping[str, str] = field(default_factory=dict)


def name_of(text: str) -> str:
    """An own field as it is kept: "Fecha de alta" → fecha_de_alta is not guessed; only case, spaces and hyphens are put right."""
    return re.sub(r"[\s-]+", "_", text.strip().lower())


def checked(line: Line, *, schema: Sequence[RemoteProperty], others: Collection[MappingRow]) -> dict[str, Any]:
    """The columns of the row. ``schema`` is empty where the other system describes nothing: then every property may be there.

    Raises ``ValidationError`` keyed by what is wrong: ``ours``, ``remote``, ``type``, ``choices``, ``direction``.
    """
    errors: dict[str, str] = {}
    known = {each.name: each for each in schema}
    there = known.get(line.remote)
    if line.ours not in FIELD_LABELS and line.ours not in KINDS and (line.ours in IdentifierKind or not _OWN_NAME.fullmatch(line.ours)):
        errors["ours"] = _("Choose a field, or name one of your own with letters, digits and underscores.")
    elif any(row.ours == line.ours for row in others):
        errors["ours"] = _("Another line has this field already: a field is in step with one property.")
    if not line.remote or len(line.remote) > LONGEST_REMOTE or "\x00" in line.remote:
        errors["remote"] = _("Choose the property there.")
    elif known and there is None:
        errors["remote"] = _("There is no property %(name)s there.") % {"name": line.remote}
    elif any(row.remote == line.remote for row in others):
        errors["remote"] = _("Another line has this property already: a property is in step with one field.")
    if line.direction not in Direction or line.policy not in Policy or line.empty not in Empty:
        errors["direction"] = _("Choose one of the answers.")
    elif there is not None and not there.is_writable and line.direction != Direction.IN:
        errors["direction"] = _("This property cannot be written there: it can only come from there to here.")
    kind = line.type or _type_between(line.ours, there)
    if problem := _mismatch(line.ours, kind, there):
        errors["type"] = problem
    choices = {theirs.strip(): ours.strip() for theirs, ours in line.choices.items() if theirs.strip() and ours.strip()}
    if kind == Type.ENUM and (problem := _wrong_choices(choices)):
        errors["choices"] = problem
    if errors:
        raise ValidationError(errors)
    return {
        "ours": line.ours,
        "remote": line.remote,
        "type": kind,
        "is_several": there is not None and there.is_several and line.ours in KINDS,
        "direction": line.direction,
        "policy": line.policy,
        "empty": line.empty,
        "choices": choices if kind == Type.ENUM else {},
        "problem": "",
    }


def _type_between(ours: str, there: RemoteProperty | None) -> str:
    if ours in KEPT_AS:
        return KEPT_AS[ours]
    return there.type if there is not None and there.type in (Type.DATE, Type.BOOLEAN, Type.ENUM) and ours not in KINDS else Type.TEXT


def _mismatch(ours: str, kind: str, there: RemoteProperty | None) -> str:
    if kind not in Type:
        return str(_("Choose one of the answers."))
    if ours in KEPT_AS and kind != KEPT_AS[ours]:
        return _("Our side is “%(ours)s”: it cannot be read as “%(type)s”.") % {"ours": KEPT_AS[ours].label, "type": Type(kind).label}
    if ours in KINDS and kind in (Type.DATE, Type.BOOLEAN, Type.ENUM):
        return _("An identifier cannot be read as “%(type)s”.") % {"type": Type(kind).label}
    if there is not None and kind not in READ_AS.get(there.type, READ_AS[Type.TEXT]):
        told = Type(there.type).label if there.type in Type else there.type
        return _("The property there is “%(theirs)s”: it cannot be read as “%(type)s”.") % {"theirs": told, "type": Type(kind).label}
    if there is not None and there.is_several and ours not in KINDS:
        return _("The property there holds several values, and this field holds one.")
    return ""


def _wrong_choices(choices: Mapping[str, str]) -> str:
    if not choices:
        return _("Say for each value there which one of ours it is.")
    if len(choices) > MOST_CHOICES or any(len(each) > LONGEST_CHOICE for pair in choices.items() for each in pair):
        return _("These are too many values, or too long ones.")
    return ""
