"""What is wrong and what to do about it, as people read it."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from contacts.quality.rules import Finding, Problem
from contacts.queries import FIELD_LABELS

LABELS: dict[str, Any] = {
    Problem.UNREACHABLE: _("No way to be reached"),
    Problem.NATIONAL_IDS: _("Two national ids"),
    Problem.NAMELESS: _("No name"),
    Problem.STALE: _("Not heard from for long"),
    Problem.UNVERIFIED: _("Only typed, never confirmed"),
    Problem.SHARED: _("Shared by several persons"),
    Problem.CONFLICTING: _("Sources that contradict each other"),
    Problem.DUPLICATES: _("May be somebody's duplicate"),
    Problem.BLOCKED: _("A value that identifies nobody"),
}
# Where on the contact's page one mends it; a duplicate is decided in the queue of suggestions.
PLACES = {Problem.NAMELESS: "fields", Problem.CONFLICTING: "fields", Problem.DUPLICATES: "suggestion"}
# What is wrong, and what to do about it.
WORDS: dict[str, tuple[Any, Any]] = {
    Problem.UNREACHABLE: (_("There is no address or number to write to."), _("Ask for an email or a phone and add it")),
    Problem.NATIONAL_IDS: (
        _("Two numbers of one document: %(values)s. One is mistyped or somebody else's."),
        _("Move or end the wrong one"),
    ),
    Problem.NAMELESS: (_("Nobody gave a name, or one that names nobody."), _("Write the name")),
    Problem.STALE: (_("Silent for long: %(values)s. It may belong to somebody else by now."), _("Confirm it, or end it")),
    Problem.UNVERIFIED: (_("Typed by somebody and confirmed by nothing: %(values)s."), _("Send a code")),
    Problem.SHARED: (_("Several people use %(values)s, so it recognises nobody."), _("Ask for a value of their own")),
    Problem.CONFLICTING: (_("The sources differ. %(fields)s."), _("Choose the right one")),
    Problem.DUPLICATES: (_("Another contact may be the same person."), _("Compare them")),
    Problem.BLOCKED: (_("%(values)s identifies nobody: a placeholder, a test or a role mailbox."), _("End it")),
}


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
    what, action = WORDS[finding.problem]
    place = PLACES.get(finding.problem, "identifiers")
    return Advice(finding, LABELS[finding.problem], str(what) % values, str(action), place)
