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
        "portal.change",
        lambda: {
            "title": gettext_lazy("Name at the top"),
            "mark": gettext_lazy("Letters in place of a logo"),
            "colour": gettext_lazy("Colour"),
        },
    )
