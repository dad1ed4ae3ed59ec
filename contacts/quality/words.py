"""What is wrong and what to do about it, as people read it."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.quality.rules import Finding, Problem
from contacts.queries import FIELD_LABELS

LABELS: dict[str, Any] = {
    Problem.UNREACHABLE: gettext_lazy("No way to be reached"),
    Problem.NATIONAL_IDS: gettext_lazy("Two national ids"),
    Problem.NAMELESS: gettext_lazy("No name"),
    Problem.STALE: gettext_lazy("Not heard from for long"),
    Problem.UNVERIFIED: gettext_lazy("Only typed, never confirmed"),
    Problem.SHARED: gettext_lazy("Shared by several persons"),
    Problem.CONFLICTING: gettext_lazy("Sources that contradict each other"),
    Problem.DUPLICATES: gettext_lazy("May be somebody's duplicate"),
    Problem.BLOCKED: gettext_lazy("A value that identifies nobody"),
}
# Where on the contact's page one mends it; a duplicate is decided in the queue of suggestions.
PLACES = {Problem.NAMELESS: "fields", Problem.CONFLICTING: "fields", Problem.DUPLICATES: "suggestion"}


@dataclass(frozen=True)
class Advice:
    """One fault in words. ``place``: ``identifiers``, ``fields`` or ``suggestion``."""

    finding: Finding
    label: Any
    what: str
    action: str
    place: str


def advice_on(finding: Finding) -> Advice:
    """In the active language."""
    fields = [f"{FIELD_LABELS.get(name, name)}: {text}" for name, text in zip(finding.fields, finding.texts, strict=False)]
    values = {"values": ", ".join(finding.texts), "fields": "; ".join(fields)}
    what, action = _words(finding.problem)
    place = PLACES.get(finding.problem, "identifiers")
    return Advice(finding, LABELS[finding.problem], what % values, action, place)


def _words(problem: Problem) -> tuple[str, str]:
    match problem:
        case Problem.UNREACHABLE:
            return _("There is no address or number to write to."), _("Ask for an email or a phone and add it")
        case Problem.NATIONAL_IDS:
            return _("Two numbers of one document: %(values)s. One is mistyped or somebody else's."), _("Move or end the wrong one")
        case Problem.NAMELESS:
            return _("Nobody gave a name, or one that names nobody."), _("Write the name")
        case Problem.STALE:
            return _("Silent for long: %(values)s. It may belong to somebody else by now."), _("Confirm it, or end it")
        case Problem.UNVERIFIED:
            return _("Typed by somebody and confirmed by nothing: %(values)s."), _("Send a code")
        case Problem.SHARED:
            return _("Several people use %(values)s, so it recognises nobody."), _("Ask for a value of their own")
        case Problem.CONFLICTING:
            return _("The sources differ. %(fields)s."), _("Choose the right one")
        case Problem.DUPLICATES:
            return _("Another contact may be the same person."), _("Compare them")
        case Problem.BLOCKED:
            return _("%(values)s identifies nobody: a placeholder, a test or a role mailbox."), _("End it")
