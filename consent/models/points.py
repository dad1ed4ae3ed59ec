"""What consent belongs to: this number, this mailbox. And what must never be written to again."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from accounts.tenancy import TenantModel
from consent.models.registries import RegistryCopy
from consent.vocabulary import SuppressionReason


class ContactPoint(TenantModel):
    """One address as consent knows it: by fingerprints under the account's key, never by its value.

    A WhatsApp id is the phone it stands for. Two points whose match keys are equal may be one line (``consent.fingerprints``).
    Nothing of a point changes by a merge, an unmerge or an erasure.
    """

    kind = models.CharField(max_length=40, help_text="email, phone, instagram, visitor …")
    lookup_hmac = models.CharField(max_length=64, help_text="Of the normal form: names the point.")
    match_hmac = models.CharField(max_length=64, help_text="Of the match key: restrictions reach every point that shares it.")
    key_version = models.PositiveSmallIntegerField(default=1, help_text="Of the rules that made the match key.")
    verified_at = models.DateTimeField(null=True, help_text="When somebody last proved to have it.")
    country = models.CharField(max_length=2, blank=True, help_text="ISO 3166; empty while unknown.")
    timezone = models.CharField(max_length=60, blank=True, help_text="Empty while unknown: then every zone of the country counts.")
    recycled_at = models.DateTimeField(null=True, help_text="Somebody else has it since: no grant from before counts.")
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "lookup_hmac"], name="contact_point_once")]
        indexes = [models.Index(fields=["account", "match_hmac"])]


class Suppression(TenantModel):
    """A fingerprint that must not be written to. It has no link to a person, so it outlives an erasure."""

    kind = models.CharField(max_length=40, help_text="Kind of the address.")
    hmac = models.CharField(max_length=64)
    form = models.CharField(max_length=5, choices=[("value", "value"), ("key", "key")], help_text="What was hashed.")
    key_version = models.PositiveSmallIntegerField(default=1)
    scope = models.CharField(max_length=20, blank=True, help_text="Kind of channel; empty for every channel.")
    reason = models.CharField(max_length=12, choices=SuppressionReason.choices)
    at = models.DateTimeField(help_text="The latest time of its reason; only a proven opt-in after it lifts it.")
    registry = models.ForeignKey(RegistryCopy, on_delete=models.CASCADE, null=True, help_text="The latest copy that lists it.")
    recorded_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "hmac", "form", "scope", "reason"], name="suppression_once")]
