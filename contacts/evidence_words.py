"""The evidence of a suggestion in words that anyone reads: one sentence per comparison, and how much it weighs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.queries import readable
from contacts.suggesting import REOPENED

# What a comparison looks at, for a level that has no sentence of its own.
COMPARISONS: dict[str, Promise] = {
    "name": gettext_lazy("Name"),
    "given": gettext_lazy("Given name"),
    "surname": gettext_lazy("Surname"),
    "surname2": gettext_lazy("Second surname"),
    "phone": gettext_lazy("Phone"),
    "email": gettext_lazy("Email"),
    "handle": gettext_lazy("Username"),
    "national_id": gettext_lazy("National id"),
    "born": gettext_lazy("Date of birth"),
    "street": gettext_lazy("Street"),
    "city": gettext_lazy("City"),
    "postcode": gettext_lazy("Postcode"),
}
SENTENCES: dict[tuple[str, str], Promise] = {
    ("given", "same"): gettext_lazy("Same given name"),
    ("given", "nickname"): gettext_lazy("One given name is short for the other"),
    ("given", "typo"): gettext_lazy("Given names a letter apart"),
    ("given", "initial"): gettext_lazy("The initial of the given name fits"),
    ("given", "second"): gettext_lazy("The second given name of one is the first of the other"),
    ("given", "swapped"): gettext_lazy("Given name and surname the other way round"),
    ("given", "lone"): gettext_lazy("Only one word of the name, and another one"),
    ("given", "differs"): gettext_lazy("Another given name"),
    ("surname", "same"): gettext_lazy("Same surname"),
    ("surname", "typo"): gettext_lazy("Surnames written almost alike"),
    ("surname", "initial"): gettext_lazy("The initial of the surname fits"),
    ("surname", "crossed"): gettext_lazy("The surname of one is the second surname of the other"),
    ("surname", "differs"): gettext_lazy("Another surname"),
    ("surname2", "same"): gettext_lazy("Same second surname"),
    ("surname2", "typo"): gettext_lazy("Second surnames written almost alike"),
    ("surname2", "differs"): gettext_lazy("Another second surname"),
    ("phone", "exact"): gettext_lazy("Same phone"),
    ("email", "exact"): gettext_lazy("Same email"),
    ("national_id", "exact"): gettext_lazy("The same national id"),
    ("phone", "similar"): gettext_lazy("Phones that may be one line"),
    ("email", "similar"): gettext_lazy("Emails that Gmail delivers to one mailbox"),
    ("phone", "own"): gettext_lazy("Same phone, used by nobody else"),
    ("phone", "crowd"): gettext_lazy("Same phone, which many people use"),
    ("phone", "shared"): gettext_lazy("Same phone, which others use too, and a name that fits"),
    ("phone", "unnamed"): gettext_lazy("Same phone, and a side without a name"),
    ("phone", "family"): gettext_lazy("Same phone and surname, another given name: perhaps a relative"),
    ("phone", "other_name"): gettext_lazy("Same phone, another name"),
    ("phone", "typo"): gettext_lazy("Phones one digit apart"),
    ("phone", "differs"): gettext_lazy("Another phone"),
    ("email", "own"): gettext_lazy("Same email, used by nobody else"),
    ("email", "crowd"): gettext_lazy("Same email, which many people use"),
    ("email", "shared"): gettext_lazy("Same email, which others use too, and a name that fits"),
    ("email", "unnamed"): gettext_lazy("Same email, and a side without a name"),
    ("email", "family"): gettext_lazy("Same email and surname, another given name: perhaps a relative"),
    ("email", "other_name"): gettext_lazy("Same email, another name"),
    ("email", "other_domain"): gettext_lazy("Same email up to the @, at another provider"),
    ("email", "typo"): gettext_lazy("Emails one letter apart"),
    ("email", "differs"): gettext_lazy("Another email"),
    ("handle", "same"): gettext_lazy("Same username, with the same digits"),
    ("handle", "told"): gettext_lazy("Same username, made of the surname both gave"),
    ("handle", "letters"): gettext_lazy("Same username but for its digits"),
    ("handle", "differs"): gettext_lazy("Another username"),
    ("national_id", "same"): gettext_lazy("Same national id"),
    ("national_id", "typo"): gettext_lazy("National ids one digit apart"),
    ("national_id", "differs"): gettext_lazy("Another national id"),
    ("born", "same"): gettext_lazy("Same date of birth"),
    ("born", "typo"): gettext_lazy("Dates of birth one digit apart"),
    ("born", "turned"): gettext_lazy("Day and month of birth the other way round"),
    ("born", "differs"): gettext_lazy("Another date of birth"),
    ("street", "same"): gettext_lazy("Same street and number"),
    ("street", "alike"): gettext_lazy("Streets written almost alike"),
    ("street", "differs"): gettext_lazy("Another street"),
    ("city", "same"): gettext_lazy("Same city"),
    ("city", "alike"): gettext_lazy("Cities written almost alike"),
    ("city", "differs"): gettext_lazy("Another city"),
    ("postcode", "same"): gettext_lazy("Same postcode"),
    ("postcode", "typo"): gettext_lazy("Postcodes one digit apart"),
    ("postcode", "differs"): gettext_lazy("Another postcode"),
}
ORIGINS: dict[str, Promise] = {
    "dedup": gettext_lazy("Found by the search for duplicates"),
    "similar": gettext_lazy("Much alike, as the latest message showed"),
    "name_conflict": gettext_lazy("One value, and names that can hardly be one person's"),
    "shared": gettext_lazy("They use a value that several people share"),
    "keys": gettext_lazy("Their email and phone lead to different contacts"),
    "national_id": gettext_lazy("One value, and national ids that differ"),
    "recycled": gettext_lazy("The number may have a new owner"),
    "never_merge": gettext_lazy("They were marked as different people, and have a value in common"),
    "claimed": gettext_lazy("The value in common was only typed"),
    "verified": gettext_lazy("One value, and another confirmed address on each side"),
    "policy": gettext_lazy("A value in common, and not enough besides to join them by itself"),
    "too_many_profiles": gettext_lazy("The contact has too many sources to join another by itself"),
    "merge_storm": gettext_lazy("Too many records would have been joined at once"),
    "similar_email": gettext_lazy("Gmail delivers both addresses to one mailbox"),
    "maybe_two_lines": gettext_lazy("The same number, but one may be a land line"),
}
CONFLICTS: dict[str, Promise] = {
    "name": gettext_lazy("Their names can hardly be one person's."),
    "names": gettext_lazy("Their names can hardly be one person's."),
    "name_conflict": gettext_lazy("Their names can hardly be one person's."),
    "national_id": gettext_lazy("Their national ids differ."),
    "family_phone": gettext_lazy("They may be relatives who use one phone."),
    "surname": gettext_lazy("Their surnames differ."),
    "born": gettext_lazy("Their dates of birth differ."),
    "email": gettext_lazy("Each has another email."),
    "shared_value": gettext_lazy("They may be relatives who use one value."),
    "crowd": gettext_lazy("Many people use what they have in common."),
    "verified": gettext_lazy("Each has another confirmed address."),
    "claimed": gettext_lazy("What they have in common was only typed."),
    "too_many_profiles": gettext_lazy("One of them has very many sources already."),
    "merge_storm": gettext_lazy("Very many records were about to be joined at once."),
    "recycled": gettext_lazy("The number may have a new owner by now."),
    "maybe_two_lines": gettext_lazy("One of the numbers may be a land line that others use."),
    "shared": gettext_lazy("Several people use what they have in common."),
    "switchboard": gettext_lazy("The phone may be a company's switchboard."),
    "mailbox": gettext_lazy("The email may be a mailbox that several people read."),
    "chain": gettext_lazy("Somebody else fits one of them and contradicts the other."),
    "group": gettext_lazy("They belong to a larger group that does not fit together as a whole."),
    "never_merge": gettext_lazy("Somebody said that they are different people."),
}
# Bits that fill half of the scale, from the middle to an end.
SCALE = 24.0


@dataclass(frozen=True)
class EvidenceLine:
    """One comparison. ``detail``: the values; ``bits`` above zero speak for one person, below for two.

    ``x`` and ``width`` place the bar on a scale of 100 whose middle is 50.
    """

    comparison: str
    text: str
    detail: str
    bits: float
    x: float
    width: float

    @property
    def size(self) -> float:
        """The bits without their sign."""
        return abs(self.bits)

    @property
    def speaks_for(self) -> bool:
        return self.bits > 0


def lines_of(evidence: Sequence[Mapping[str, Any]], weight: float | None) -> list[EvidenceLine]:
    """A line per comparison that weighs anything, then the starting point: how rarely two records are one person's at all."""
    pieces = [piece for piece in evidence if piece.get("comparison") != REOPENED]
    lines = [
        _line(str(piece.get("comparison", "")), sentence_of(piece), _detail(piece), float(piece.get("bits") or 0.0)) for piece in pieces
    ]
    if weight is not None and pieces:
        start = weight - sum(line.bits for line in lines)
        if abs(start) >= 0.05:
            lines.append(_line("start", _("Starting point: few records are the same person's"), "", start))
    return lines


def sentence_of(piece: Mapping[str, Any]) -> str:
    """What the comparison found. One that nobody named here shows its own name and level."""
    comparison, level = str(piece.get("comparison", "")), str(piece.get("level", ""))
    if (comparison, level) in SENTENCES:
        return str(SENTENCES[comparison, level])
    name = str(COMPARISONS.get(comparison, comparison.replace("_", " ").capitalize()))
    return f"{name}: {level.replace('_', ' ')}" if level else name


def reopening_of(evidence: Sequence[Mapping[str, Any]]) -> str:
    """Why it is asked again after it was decided; empty where it is asked for the first time."""
    piece = next((piece for piece in evidence if piece.get("comparison") == REOPENED), None)
    if piece is None:
        return ""
    try:
        day = formats.date_format(timezone.localtime(datetime.fromisoformat(str(piece.get("left")))), "DATE_FORMAT")
    except ValueError:
        day = ""
    if piece.get("level") == "accepted":
        return _("They were merged (%(day)s), and the merge was taken back.") % {"day": day}
    return _("They were called two people (%(day)s); since then there is new evidence.") % {"day": day}


def origin_in_words(origin: str) -> str:
    return str(ORIGINS.get(origin, origin.replace("_", " ").capitalize()))


def conflict_in_words(conflict: str) -> str:
    return str(CONFLICTS.get(conflict, conflict.replace("_", " ").capitalize()))


def odds_in_words(probability: float) -> str:
    """A probability as a person would say it."""
    if probability >= 0.995:
        return _("almost certainly one person")
    wrong = round(1 / (1 - probability))
    if probability >= 0.75:
        return _("about %(n)d in %(m)d would be right") % {"n": wrong - 1, "m": wrong}
    return _("as likely one person as two") if probability >= 0.4 else _("rather two people")


def _line(comparison: str, text: str, detail: str, bits: float) -> EvidenceLine:
    width = round(min(abs(bits) / SCALE, 1.0) * 50, 1)
    return EvidenceLine(comparison, text, detail, round(bits, 1), round(50.0 if bits > 0 else 50.0 - width, 1), width)


def _detail(piece: Mapping[str, Any]) -> str:
    left, right = (str(piece.get(side) if piece.get(side) is not None else "") for side in ("left", "right"))
    if piece.get("comparison") == "phone":
        left, right = readable("phone", left), readable("phone", right)
    return left if left == right else " ↔ ".join(value for value in (left, right) if value)
