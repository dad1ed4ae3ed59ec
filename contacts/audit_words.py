"""What the values are called that this room writes into the audit."""

from django.utils.translation import gettext_lazy

from accounts.audit_details import name_settings, name_values
from accounts.roles import Role
from contacts.masking import Level
from contacts.models import DeduplicationRun, IdentifierKind, IdentityReview, UnificationRun
from contacts.quality.models import CleaningStep, ReviewCampaign, ReviewCard
from contacts.quality.words import LABELS as PROBLEM_LABELS
from contacts.queries import CAUSE_LABELS, FIELD_LABELS, RULE_LABELS


def name_audited_values() -> None:
    """Called once when the apps are ready."""
    name_values("field", FIELD_LABELS)
    name_settings("masking.change", lambda: dict(Role.choices))
    for role in Role:
        name_values(role, dict(Level.choices))
    name_values("kind", {**dict(IdentifierKind.choices), **dict(IdentityReview.Kind.choices), **dict(UnificationRun.Kind.choices)})
    name_values("kind", {"accepted": gettext_lazy("Accepted"), "rejected": gettext_lazy("Rejected"), "deferred": gettext_lazy("Later")})
    name_values("kind", dict(DeduplicationRun.Kind.choices))
    name_values("rule", RULE_LABELS)
    name_values("former_rule", RULE_LABELS)
    name_values("kind", {**dict(ReviewCampaign.Kind.choices), **dict(CleaningStep.Kind.choices)})
    name_values("decision", dict(ReviewCard.Decision.choices))
    name_values("problem", {str(problem): words for problem, words in PROBLEM_LABELS.items()})
    name_values("state", dict(UnificationRun.State.choices))
    name_values("sender", {"email": gettext_lazy("by email"), "whatsapp": gettext_lazy("by WhatsApp")})
    name_values(
        "cause",
        {
            **CAUSE_LABELS,
            "manual": gettext_lazy("by hand"),
            "shared": gettext_lazy("a shared value"),
            "split": gettext_lazy("a conversation of somebody else"),
        },
    )
    name_values(
        "decision",
        {
            "kept": gettext_lazy("left as it is"),
            "separated": gettext_lazy("separated"),
            "unmarked": gettext_lazy("not shared"),
            "blocked": gettext_lazy("identifies nobody"),
            "seen": gettext_lazy("seen"),
        },
    )
