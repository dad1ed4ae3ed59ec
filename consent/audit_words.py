"""What the values are called that this room writes into the audit."""

from django.utils.translation import gettext_lazy

from accounts.audit_details import name_settings, name_values
from consent.models import RightsRequest


def name_audited_values() -> None:
    """Called once when the apps are ready."""
    name_values("kind", dict(RightsRequest.Kind.choices))
    name_settings(
        "portal.change",
        lambda: {
            "title": gettext_lazy("Name at the top"),
            "mark": gettext_lazy("Letters in place of a logo"),
            "colour": gettext_lazy("Colour"),
        },
    )
