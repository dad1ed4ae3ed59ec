"""Accounts, the people who work in them, and the channels they own."""

import secrets
import zoneinfo
from typing import Any, ClassVar

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.functions import TransactionNow
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from accounts.encryption import EncryptedJSONField
from accounts.roles import Ability, Role, may
from accounts.tenancy import TenantModel, TenantQuerySet


def validate_timezone(value: str) -> None:
    if value not in zoneinfo.available_timezones():
        raise ValidationError(_("%(value)s is not a time zone such as America/Santiago."), params={"value": value})


class NameConflict(models.TextChoices):
    """What happens when one key carries given names that cannot be one person's."""

    JOIN_AND_WARN = "join_and_warn", _("Join, and warn the agent")
    SUGGEST = "suggest", _("Keep apart, and suggest")


class MatchingPolicy(models.TextChoices):
    """What decides in unified mode whether two records are one person."""

    DETERMINISTIC = "deterministic", _("An equal email or phone, nothing else")
    HYBRID = "hybrid", _("An equal email or phone; what is only similar is suggested")
    PROBABILISTIC = "probabilistic", _("An equal email or phone, where everything else leaves no doubt; the rest is suggested")


def default_survivorship() -> dict[str, str]:
    return {"name": "first"}


def new_fingerprint_key() -> dict[str, str]:
    return {"key": secrets.token_hex(32)}


class Account(models.Model):
    """One business: everything it owns carries its id, and no other business ever sees it."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=40, unique=True)
    language = models.CharField(max_length=5, default="es", help_text="Language of messages the account sends by itself.")
    timezone = models.CharField(max_length=60, default="America/Santiago", validators=[validate_timezone])
    default_region = models.CharField(max_length=2, default="CL", help_text="ISO 3166 country whose plan reads phones without a prefix.")

    unification_enabled = models.BooleanField(default=False)
    new_contact_after_hours = models.PositiveIntegerField(
        default=24,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 365)],
        help_text="Standard mode: silence on one channel address, in hours, after which a new contact is made.",
    )
    name_conflict = models.CharField(max_length=20, choices=NameConflict.choices, default=NameConflict.JOIN_AND_WARN)
    matching_policy = models.CharField(max_length=20, choices=MatchingPolicy.choices, default=MatchingPolicy.HYBRID)
    claimed_suggests_only = models.BooleanField(
        default=False, help_text="In unified mode a value that was only typed joins nobody by itself: it is suggested."
    )
    shared_after_names = models.PositiveIntegerField(
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="People with different names behind one email or phone; with one more it counts as shared.",
    )
    max_profiles_per_contact = models.PositiveIntegerField(
        default=100,
        validators=[MinValueValidator(2), MaxValueValidator(10_000)],
        help_text="Sources that one contact gathers by itself; beyond that, joining waits for a person.",
    )
    max_merges_per_hour = models.PositiveIntegerField(
        default=200,
        validators=[MaxValueValidator(100_000)],
        help_text="Contacts that are joined by themselves within an hour; beyond that, joining waits for a person.",
    )
    recycled_after_days = models.PositiveIntegerField(
        default=180,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="Silence on a phone number, in days, after which another name on it is another person.",
    )
    survivorship = models.JSONField(default=default_survivorship, help_text="Field → rule; a field that is missing follows 'latest'.")
    reopen_within_hours = models.PositiveIntegerField(default=72, validators=[MaxValueValidator(24 * 365)])
    conversation_per_channel = models.BooleanField(default=False)

    deduplication_merges = models.BooleanField(
        default=False, help_text="Whether the search for duplicates may merge by itself what is beyond doubt."
    )

    stale_after_months = models.PositiveSmallIntegerField(
        default=12,
        validators=[MinValueValidator(1), MaxValueValidator(120)],
        help_text="Silence on an identifier, in months, after which somebody should ask whether it still holds.",
    )
    retire_visitors_after_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(7), MaxValueValidator(3650)],
        help_text="Visitors who left nothing are retired after so many days; empty: never.",
    )

    masking = models.JSONField(default=dict, blank=True, help_text="Role → what it sees of emails and phones; missing: in full.")

    # Addresses are fingerprinted under it (consent). It never changes: what was suppressed under it could not be found again.
    fingerprint_key = EncryptedJSONField(default=new_fingerprint_key)

    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords(excluded_fields=["fingerprint_key"])

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class Theme(models.TextChoices):
    SYSTEM = "system", _("As the device")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class Density(models.TextChoices):
    COMFORTABLE = "comfortable", _("Comfortable")
    COMPACT = "compact", _("Compact")


class User(AbstractUser):
    """A person who signs in, with an email address. What they may do is said by their memberships."""

    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = models.EmailField(_("email"), unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    language = models.CharField(_("language"), max_length=5, choices=[("es", "Español"), ("en", "English")], default="es")
    theme = models.CharField(_("theme"), max_length=10, choices=Theme.choices, default=Theme.SYSTEM)
    density = models.CharField(_("density"), max_length=12, choices=Density.choices, default=Density.COMFORTABLE)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()  # type: ignore[assignment, misc]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return str(self)

    def get_short_name(self) -> str:
        return (self.name or self.email).split(" ")[0]


class Membership(TenantModel):
    """A user's place in one account."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=12, choices=Role.choices, default=Role.AGENT)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords(historical_queryset=TenantQuerySet)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "user"], name="membership_once")]

    def __str__(self) -> str:
        return str(self.user)

    def may(self, ability: Ability | str) -> bool:
        return self.is_active and may(self.role, ability)


class ApiToken(TenantModel):
    """A bearer token of a membership. Only its SHA-256 is kept; ``hint`` shows which one it is."""

    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80, blank=True)
    hint = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "membership"])]


class IdempotentRequest(TenantModel):
    """The answer to a write that carried an Idempotency-Key, given again when the write is repeated within 24 hours."""

    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "token", "key"], name="idempotency_key_once")]


def channel_key() -> str:
    return secrets.token_urlsafe(18)


class ChannelKind(models.TextChoices):
    WHATSAPP = "whatsapp", "WhatsApp"
    INSTAGRAM = "instagram", "Instagram"
    EMAIL = "email", _("Email")
    WEBCHAT = "webchat", _("Web chat")


class Channel(TenantModel):
    """One door to the outside: a WhatsApp number, an Instagram account, a mailbox, a web chat."""

    kind = models.CharField(max_length=20, choices=ChannelKind.choices)
    name = models.CharField(max_length=80)
    key = models.CharField(
        max_length=32, unique=True, default=channel_key, editable=False, help_text="Names the channel in its public addresses."
    )
    settings = models.JSONField(default=dict, blank=True, help_text="What is not secret.")
    secrets = EncryptedJSONField()
    is_active = models.BooleanField(default=True)
    greeting_bot = models.JSONField(default=dict, blank=True, help_text="Empty: no bot. Otherwise {'enabled': true, …}.")
    refused_count = models.PositiveBigIntegerField(default=0, help_text="Webhooks with a wrong signature, of which nothing else is kept.")
    last_event_at = models.DateTimeField(null=True, editable=False)
    problem = models.TextField(blank=True, help_text="Why the channel does not work now, in words; empty when it does.")
    sending_problem = models.TextField(blank=True, help_text="Why the provider takes nothing from us now, in words; empty when it does.")
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords(
        historical_queryset=TenantQuerySet, excluded_fields=["secrets", "refused_count", "last_event_at", "problem", "sending_problem"]
    )

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "kind"])]

    def __str__(self) -> str:
        return self.name


class AuditEntry(TenantModel):
    """Who did what, when. Written in the transaction of the change; never changed, never deleted by the product."""

    at = models.DateTimeField(db_default=TransactionNow())
    actor_kind = models.CharField(max_length=10, help_text="person, api, bot, rule, system")
    membership = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="+")
    actor_name = models.CharField(max_length=120)
    action = models.CharField(max_length=60, help_text="noun.verb, for example contact.merge")
    target_type = models.CharField(max_length=40)
    target_id = models.BigIntegerField(null=True)
    detail = models.JSONField(default=dict)

    # Taken from the role under which web and workers run (accounts.row_security).
    withheld = ("UPDATE", "DELETE")

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["account", "-at", "-id"]),
            models.Index(fields=["account", "target_type", "target_id", "-at"]),
        ]
