"""The gate's reasons in words, for whoever wants to write: why not, when, and what would be allowed instead."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from consent.questions import Finding, Ruling
from consent.vocabulary import Reason, Verdict


@dataclass(frozen=True)
class Explanation:
    """One address as the composer shows it.

    ``state``: green (now), amber (later, or as a template), grey (not at all). ``lines``: every reason in words, the deciding one
    first. ``allowed_from``: the next time at which it may leave, ``alternative``: ``template``, ``later``, ``other_address`` or nothing.
    """

    state: str
    lines: list[str]
    allowed_from: datetime | None
    alternative: str


def explain(ruling: Ruling) -> Explanation:
    """A ruling in the active language."""
    states = {Verdict.ALLOW: "green", Verdict.CONVERT: "amber", Verdict.DEFER: "amber", Verdict.DENY: "grey"}
    instead = {Verdict.CONVERT: "template", Verdict.DEFER: "later", Verdict.DENY: "other_address"}
    told = [finding for finding in ruling.findings if finding.reason is not Reason.ALLOWED or len(ruling.findings) == 1]
    if ruling.verdict is not Verdict.ALLOW:
        told = [finding for finding in told if finding.verdict is not Verdict.ALLOW]
    lines = list(dict.fromkeys(line_for(finding) for finding in told))
    return Explanation(states[ruling.verdict], lines, ruling.not_before, instead.get(ruling.verdict, ""))


def in_words(reason: Reason) -> str:
    """A reason in the active language."""
    return str(reason.label)


def line_for(finding: Finding) -> str:
    """A finding in the active language, with what exactly is missing where that is known."""
    details = {
        "unconfirmed": _("They have not confirmed it from this address"),
        "pending": _("They have not confirmed it from this address"),
        "older_notice": _("They agreed to an older wording"),
        "expired": _("They agreed too long ago"),
        "recycled": _("The number has another owner since they agreed"),
        "without_proof": _("Nothing proves that they agreed"),
        "never_asked": _("They have not agreed to this"),
        "country": _("Nobody has stated the rules of this country"),
        "purpose": _("This purpose is not in use"),
        "erased": _("Erased at the person's request"),
        "complaint": _("They reported a message as spam"),
        "wrong_person": _("The address is somebody else's"),
        "hard_bounce": _("The mailbox does not exist"),
        "blocked": _("Blocked by the team"),
        "objected": _("They objected to it"),
        "unsubscribe": _("Bulk email needs its unsubscribe header"),
        "postal_address": _("Bulk email needs the postal address of the account"),
        "list_too_old": _("Our copy of the do-not-call registry is too old"),
        "listed": _("The number is on the do-not-call registry"),
    }
    if finding.detail == "country" and finding.reason is Reason.PLATFORM_OPT_OUT:
        return _("The platform does not deliver promotions to this country")
    return details.get(finding.detail, in_words(finding.reason))
