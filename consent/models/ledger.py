"""What was said about consent, in the order it was recorded; and what holds now because of it."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from accounts.encryption import EncryptedJSONField
from accounts.models import Membership
from accounts.tenancy import TenantModel
from consent.models.points import ContactPoint
from consent.models.policy import NoticeVersion
from consent.vocabulary import Action, Basis, Origin
from contacts.models import Profile


class ProfileKey(TenantModel):
    """The key under which a profile's evidence is encrypted. Erasure empties it, and the evidence is gone wherever copies lie."""

    # The row outlives the profile, to say that there was a key and when it went.
    profile = models.ForeignKey(Profile, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    secret = EncryptedJSONField(null=True)
    created_at = models.DateTimeField(db_default=TransactionNow())
    destroyed_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "profile"], name="profile_key_once")]


class Evidence(TenantModel):
    """What proves an event: the words somebody wrote, the form they saw. Encrypted; the ledger holds only its digest."""

    key = models.ForeignKey(ProfileKey, on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64, help_text="Of a random salt and the content: says nothing without both.")
    blob = models.BinaryField(help_text="Salt and content, encrypted under the key.")
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "key"])]


class ConsentEvent(TenantModel):
    """One thing that was said about one point. Append-only: the database refuses every change but the sealer's.

    It holds no personal data: a point known by its fingerprint, a profile's number, digests. ``occurred_at`` is when it was said by
    the clock of whoever brought it, ``recorded_at`` when we wrote it down.
    """

    point = models.ForeignKey(ContactPoint, on_delete=models.PROTECT, related_name="events")
    # The number stays when the profile is erased.
    profile = models.ForeignKey(Profile, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+")
    channel = models.CharField(max_length=20, blank=True, help_text="Kind of channel that it is about; empty for every channel.")
    purpose = models.CharField(max_length=40, blank=True, help_text="Key of the purpose; empty for every purpose.")
    action = models.CharField(max_length=16, choices=Action.choices)
    basis = models.CharField(max_length=20, choices=Basis.choices, blank=True)
    reason = models.CharField(max_length=40, blank=True, help_text="A code: why it was suppressed, which word was written …")
    possession_proven = models.BooleanField(default=False, help_text="Whoever said it held the point: they wrote or answered from it.")
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    source = models.CharField(max_length=14, choices=Origin.choices)
    actor_kind = models.CharField(max_length=10, help_text="contact, person, api, bot, rule, system")
    membership = models.ForeignKey(Membership, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+")
    notice = models.ForeignKey(NoticeVersion, on_delete=models.PROTECT, null=True, related_name="+")
    retracts = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        related_name="retractions",
        help_text="The agent's entry that this one takes back; both stand, and the state is drawn without it.",
    )
    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, null=True, related_name="+")
    idempotency_key = models.CharField(max_length=64, help_text="Fingerprint of the caller's key: the same key makes one event.")
    # Filled in once, by consent.sealing.
    sequence = models.BigIntegerField(null=True)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64, blank=True)

    withheld = ("UPDATE", "DELETE")
    still_writable = ("sequence", "previous_hash", "hash")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["account", "idempotency_key"], name="consent_event_once"),
            models.UniqueConstraint(fields=["account", "sequence"], name="consent_event_sequence_once"),
        ]
        indexes = [
            models.Index(fields=["account", "point", "occurred_at"]),
            models.Index(fields=["account", "profile", "occurred_at"]),
            models.Index(fields=["account", "id"], condition=models.Q(sequence=None), name="consent_event_unsealed"),
        ]


class ConsentState(TenantModel):
    """What the events of one point say together, per profile, channel and purpose: the latest time of each sort of event.

    Only latest times, so the order in which events arrive does not count, and the rows can be made anew from the ledger. What they
    mean for one message is worked out in ``consent.standing``.
    """

    point = models.ForeignKey(ContactPoint, on_delete=models.CASCADE, related_name="states")
    profile = models.ForeignKey(Profile, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+")
    channel = models.CharField(max_length=20, blank=True)
    purpose = models.CharField(max_length=40, blank=True)
    suppressed_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True, help_text="A stop word by SMS or voice.")
    objected_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    platform_stopped_at = models.DateTimeField(null=True)
    platform_resumed_at = models.DateTimeField(null=True)
    requested_at = models.DateTimeField(null=True, help_text="Asked to confirm.")
    proven_at = models.DateTimeField(null=True, help_text="Latest grant of somebody who held the point; only such a one lifts anything.")
    proven_notice = models.PositiveIntegerField(default=0, help_text="Number of the notice that it answered; 0 for none.")
    attested_at = models.DateTimeField(null=True, help_text="Latest grant with evidence, without proof of possession.")
    attested_notice = models.PositiveIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True, help_text="Latest grant without either: it counts for nothing, and is shown.")
    soft_at = models.DateTimeField(null=True, help_text="Latest evidence of a purchase.")
    last_event = models.BigIntegerField(default=0, help_text="Highest id among its events.")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["account", "point", "profile", "channel", "purpose"], nulls_distinct=False, name="consent_state_once"
            )
        ]
        indexes = [models.Index(fields=["account", "profile"])]


class LedgerAnchor(TenantModel):
    """The head of the chain on one day. It is copied out of the database, so that a tail that was cut off is missed."""

    day = models.DateField()
    sequence = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    exported_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "day"], name="ledger_anchor_once")]
