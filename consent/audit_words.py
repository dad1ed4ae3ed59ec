"""What the values are called that this room writes into the audit."""

from django.utils.translation import gettext_lazy

from accounts.audit_details import name_settings, name_values
from consent.models import RightsRequest
from consent.vocabulary import PurposeClass


def name_audited_values() -> None:
    """Called once when the apps are ready."""
    name_values("kind", dict(RightsRequest.Kind.choices))
    name_values("kind", dict(PurposeClass.choices))
    name_settings(
        "purpose.change",
        lambda: {
            "names": gettext_lazy("Names"),
            "legal_basis": gettext_lazy("Legal ground"),
            "double_opt_in": gettext_lazy("Ask for a confirmation"),
            "expires_after_days": gettext_lazy("A yes counts for (days)"),
            "is_active": gettext_lazy("In use"),
        },
    )
    name_settings(
        "sending_rules.change",
        lambda: {
            "postal_address": gettext_lazy("Postal address"),
            "cap_count": gettext_lazy("Messages at most"),
            "cap_days": gettext_lazy("Within so many days"),
            "quiet_from": gettext_lazy("Quiet hours from"),
            "quiet_to": gettext_lazy("Quiet hours until"),
            "opt_out_is_confirmed": gettext_lazy("Confirm a stop word"),
            "help_is_answered": gettext_lazy("Answer a word for help"),
            "help_texts": gettext_lazy("Who you are, in your words"),
        },
    )
    name_settings(
        "portal.change",
        lambda: {
            "title": gettext_lazy("Name at the top"),
            "mark": gettext_lazy("Letters in place of a logo"),
            "colour": gettext_lazy("Colour"),
        },
    )
