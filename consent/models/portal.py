"""The customer portal: who asked to get in, who is in, and which points they have shown to be theirs.

All of it is short-lived: ``consent.portal.forgetting`` deletes it within a day.
"""

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from accounts.encryption import EncryptedJSONField
from accounts.tenancy import TenantModel, TenantQuerySet
from consent.models.points import ContactPoint


class PortalVisit(TenantModel):
    """One stay in the portal, opened by showing that one holds a point. The cookie's token is kept as a digest."""

    digest = models.CharField(max_length=64, unique=True)
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "expires_at"])]


class PortalProof(TenantModel):
    """A point that the visitor has shown to be theirs in this visit. The address is kept encrypted for as long as the visit."""

    visit = models.ForeignKey(PortalVisit, on_delete=models.CASCADE, related_name="proofs")
    point = models.ForeignKey(ContactPoint, on_delete=models.CASCADE, related_name="+")
    address = EncryptedJSONField(help_text="kind and value.")
    proven_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "visit", "point"], name="portal_proof_once")]


class PortalSignIn(TenantModel):
    """Somebody typed an address and wants to get in. There is such a row whether we know the address or not.

    A letter goes out (``sent_at``) only where we do, or where somebody who is in shows another address (``visit``).
    """

    lookup_hmac = models.CharField(max_length=64, help_text="Fingerprint of the address that was typed.")
    client_hmac = models.CharField(max_length=64, help_text="Fingerprint of where the request came from.")
    asker_digest = models.CharField(max_length=64, unique=True, help_text="Of the cookie of the browser that asked: the code works there.")
    link_digest = models.CharField(max_length=64, unique=True, null=True)
    code_digest = models.CharField(max_length=64, blank=True)
    address = EncryptedJSONField(null=True, help_text="kind and value; emptied once it was used.")
    language = models.CharField(max_length=5)
    visit = models.ForeignKey(PortalVisit, on_delete=models.CASCADE, related_name="+", null=True, help_text="Shows another point in it.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Wrong codes so far.")
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["account", "lookup_hmac", "-asked_at"]),
            models.Index(fields=["account", "client_hmac", "-asked_at"]),
            models.Index(fields=["account", "asked_at"], condition=models.Q(handled_at=None), name="portal_sign_in_waiting"),
        ]


class PortalSettings(TenantModel):
    """How the portal of an account looks. An account without a row has the defaults. One row at most."""

    title = models.CharField(max_length=60, blank=True, help_text="What stands at the top; empty for the account's name.")
    mark = models.CharField(max_length=3, blank=True, help_text="Up to three letters in place of a logo; empty for the title's initials.")
    colour = models.CharField(
        max_length=7,
        blank=True,
        validators=[RegexValidator(r"\A#[0-9a-fA-F]{6}\Z", _("Write a colour as #0b6e63."))],
        help_text="#rrggbb; empty for the house's.",
    )
    history = HistoricalRecords(historical_queryset=TenantQuerySet)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account"], name="portal_settings_once")]
