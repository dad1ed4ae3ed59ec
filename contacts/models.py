"""A person is a contact; everything we were ever told about them hangs from a profile; merging moves profiles and nothing else."""

from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import TransactionNow
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from accounts.background_runs import BackgroundRun
from accounts.models import Channel, Membership
from accounts.tenancy import TenantModel, TenantQuerySet


class Contact(TenantModel):
    """The person as the team sees them: a set of profiles, and fields computed from them.

    A contact is somebody's *home*: the one a profile was born with. A set of profiles shows the oldest home among them
    (``born_at``, then id); the other homes of the set are empty, keep their id and redirect, and live again after an unmerge.
    """

    born_at = models.DateTimeField(help_text="When its first profile was first seen (the provider's time); decides who survives a merge.")
    # Computed by contacts.survivorship from the profiles; never written by anything else.
    name = models.CharField(max_length=200, blank=True)
    fields = models.JSONField(
        default=dict, help_text="Field → {value, profile, source, at, rule, others: [{value, profile}]}: each value with its provenance."
    )
    search_text = models.TextField(blank=True, help_text="Folded name and identifiers, for the search box.")
    is_anonymous = models.BooleanField(default=True, help_text="Nobody left a contact datum yet: hidden from the directory.")
    last_seen_at = models.DateTimeField(help_text="Latest activity of its profiles, either way.")
    is_empty = models.BooleanField(default=False, help_text="All its profiles sit in another contact: it redirects.")
    is_erased = models.BooleanField(default=False, help_text="All its profiles were erased: nothing is known of the person any more.")
    # A projection of everything else, kept by contacts.quality and rebuilt by it whenever one likes.
    quality = models.PositiveSmallIntegerField(null=True, editable=False, help_text="0 to 100; null until it is first computed.")
    problems = ArrayField(models.CharField(max_length=20), default=list, editable=False, help_text="What there is to fix.")
    quality_due = models.BooleanField(default=True, editable=False, help_text="Something changed since quality was computed.")
    history = HistoricalRecords(
        historical_queryset=TenantQuerySet, excluded_fields=["search_text", "last_seen_at", "quality", "problems", "quality_due"]
    )

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["account", "-last_seen_at", "-id"], name="contact_directory", condition=models.Q(is_empty=False, is_anonymous=False)
            ),
            models.Index(
                fields=["account", "-last_seen_at", "-id"],
                name="contact_to_fix",
                condition=models.Q(is_empty=False, is_anonymous=False) & ~models.Q(problems=[]),
            ),
            models.Index(fields=["account", "id"], name="contact_quality_due", condition=models.Q(quality_due=True)),
            GinIndex(fields=["search_text"], opclasses=["gin_trgm_ops"], name="contact_search"),
        ]

    def __str__(self) -> str:
        return self.name or str(_("Visitor"))


class Source(models.TextChoices):
    """Where a profile's values come from."""

    CHANNEL = "channel", _("Channel")
    FORM = "form", _("Form")
    AGENT = "agent", _("Agent")
    API = "api", _("API")
    IMPORT = "import", _("Import")
    CRM = "crm", _("CRM")


class Profile(TenantModel):
    """One source record: what one channel address, one form, one import or one CRM told us about somebody.

    Never rewritten by a merge, apart from ``contact``. ``(channel, address, episode)`` names it; at most one per address is current.
    """

    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="profiles")
    # Null where the profile joined an existing contact at birth; made when it is first separated.
    home = models.OneToOneField(Contact, on_delete=models.PROTECT, related_name="home_of", null=True)
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.CHANNEL)
    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="+", null=True)
    address = models.CharField(
        max_length=320, blank=True, help_text="Normal form of the sender's address on the channel; empty for other sources."
    )
    episode = models.PositiveIntegerField(
        default=1, help_text="Counts the profiles of one address: standard mode starts another after a silence."
    )
    is_current = models.BooleanField(default=True, help_text="New messages of the address go here.")
    former = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="+", help_text="The earlier episode, shown as a link."
    )
    given = models.JSONField(default=dict, help_text="Field → value as first given (name, language, username, city, reason …).")
    given_at = models.JSONField(default=dict, help_text="Field → when it was first given, ISO 8601 in UTC.")
    later = models.JSONField(default=dict, help_text="Field → {value, at}: what the source says since, where that is another value.")
    outranks = models.BooleanField(default=False, help_text="A person's correction: wins over every rule.")
    corrects = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, related_name="corrections", help_text="The profile whose values it overrides."
    )
    erased_at = models.DateTimeField(null=True, help_text="When its data was destroyed; the row keeps the place among the homes.")
    first_seen_at = models.DateTimeField(help_text="The provider's time of the first message, or when the record was made.")
    last_seen_at = models.DateTimeField(help_text="Latest message either way, the provider's time.")
    created_at = models.DateTimeField(db_default=TransactionNow())
    history = HistoricalRecords(historical_queryset=TenantQuerySet, excluded_fields=["last_seen_at"])

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["account", "channel", "address"],
                condition=models.Q(is_current=True) & ~models.Q(address=""),
                name="profile_current_once",
            ),
            models.UniqueConstraint(
                fields=["account", "channel", "address", "episode"], condition=~models.Q(address=""), name="profile_episode_once"
            ),
        ]
        indexes = [models.Index(fields=["account", "contact"]), models.Index(fields=["account", "corrects"])]


class IdentifierKind(models.TextChoices):
    EMAIL = "email", _("Email")
    PHONE = "phone", _("Phone")
    WHATSAPP = "whatsapp", "WhatsApp"
    WHATSAPP_USER = "whatsapp_user", _("WhatsApp user (BSUID)")
    INSTAGRAM = "instagram", "Instagram"
    MESSENGER = "messenger", "Messenger"
    TELEGRAM = "telegram", "Telegram"
    VISITOR = "visitor", _("Web visitor")
    APP_USER = "app_user", _("App user")
    CUSTOMER_NUMBER = "customer_number", _("Customer number")
    NATIONAL_ID = "national_id", _("National id")


# The kinds that make somebody a contact ("a contact datum").
CONTACT_DATA = frozenset({"email", "phone", "whatsapp", "whatsapp_user", "customer_number", "national_id"})
# The kinds by which the unified rule recognises a person on any channel. A WhatsApp id brings the phone it attests.
UNIFYING = frozenset({"email", "phone"})


class Certainty(models.TextChoices):
    """How sure we are that the identifier is the profile's person's."""

    CLAIMED = "claimed", _("Typed")
    VERIFIED = "verified", _("Verified")
    ATTESTED = "attested", _("Attested by the provider")


class EndReason(models.TextChoices):
    """Why an identifier no longer points to its person."""

    CHANGED = "changed", _("changed for another")
    REPLACED = "replaced", _("its record has another now")
    RECYCLED = "recycled", _("somebody else has it now")
    MOVED = "moved", _("it was another person's")
    RETIRED = "retired", _("no longer in use")


class Identifier(TenantModel):
    """A value that points to a person: an address we can write to, or a reference."""

    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="identifiers")
    kind = models.CharField(max_length=40, choices=IdentifierKind.choices)
    raw = models.CharField(max_length=320, help_text="As it was given; WhatsApp sends to this spelling.")
    value = models.CharField(max_length=320, help_text="Normal form, for showing and writing to.")
    key = models.CharField(max_length=340, help_text="Match key: equal keys point to one person.")
    key_version = models.PositiveSmallIntegerField(default=1)
    loose_key = models.CharField(max_length=340, blank=True, help_text="Equal loose keys of unequal keys are suggested, never joined.")
    # Empty for the whole account; otherwise what the value is unique within ("channel:12", "provider:page-id").
    scope = models.CharField(max_length=80, blank=True)
    certainty = models.CharField(max_length=10, choices=Certainty.choices, default=Certainty.CLAIMED)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, help_text="End of validity (changed or recycled number); null while it holds.")
    end_reason = models.CharField(max_length=12, choices=EndReason.choices, blank=True)
    last_seen_at = models.DateTimeField()
    history = HistoricalRecords(historical_queryset=TenantQuerySet, excluded_fields=["last_seen_at"])

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "profile", "kind", "scope", "key"], name="identifier_once_per_profile")]
        indexes = [
            models.Index(fields=["account", "kind", "key"], include=["profile", "scope"], name="identifier_lookup"),
            models.Index(fields=["account", "loose_key"], name="identifier_loose", condition=~models.Q(loose_key="")),
            models.Index(fields=["account", "profile"]),
        ]


class ValueMark(TenantModel):
    """What people or rules said about a value itself: shared by several persons, or identifying nobody."""

    class Mark(models.TextChoices):
        SHARED = "shared", _("Shared by several persons")
        BLOCKED = "blocked", _("Identifies nobody")

    kind = models.CharField(max_length=40, choices=IdentifierKind.choices)
    key = models.CharField(max_length=340)
    mark = models.CharField(max_length=10, choices=Mark.choices)
    reason = models.CharField(max_length=200, blank=True)
    is_automatic = models.BooleanField(default=False, help_text="A rule set it; a person reviews it.")
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords(historical_queryset=TenantQuerySet)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "kind", "key"], name="value_mark_once")]


class IdentityReview(TenantModel):
    """Something that a rule did or stopped by itself, put before a person. Written by ``contacts.reviewing``."""

    class Kind(models.TextChoices):
        SHARED_VALUE = "shared_value", _("A value that many people use")
        SHARED_JOIN = "shared_join", _("Joined by a value that turned out to be shared")
        FULL_CONTACT = "full_contact", _("A contact that gathers too many sources")
        MERGE_STORM = "merge_storm", _("Too many joins at once")

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        SETTLED = "settled", _("Settled")

    kind = models.CharField(max_length=12, choices=Kind.choices)
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="+", null=True)
    value_kind = models.CharField(max_length=40, blank=True)
    key = models.CharField(max_length=340, blank=True)
    detail = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    decision = models.CharField(max_length=12, blank=True, help_text="kept, separated, unmarked, seen")
    decided_by = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind", "profile", "value_kind", "key"],
                condition=models.Q(state="open"),
                nulls_distinct=False,
                name="identity_review_open_once",
            )
        ]
        indexes = [
            models.Index(fields=["account", "state", "-created_at"]),
            models.Index(fields=["account", "value_kind", "key"]),
            models.Index(fields=["account", "profile"]),
        ]


class VerificationCode(TenantModel):
    """A code that was sent to an identifier; whoever says it back has shown that the identifier is theirs."""

    identifier = models.ForeignKey(Identifier, on_delete=models.CASCADE, related_name="codes")
    sender = models.CharField(max_length=20, help_text="Which sender took it: email, whatsapp, sms.")
    digest = models.CharField(max_length=64, help_text="Keyed hash; the code itself is kept nowhere.")
    sent_at = models.DateTimeField(db_default=TransactionNow())
    expires_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Wrong codes so far.")
    used_at = models.DateTimeField(null=True)
    asked_by = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "identifier", "-sent_at"]), models.Index(fields=["account", "-sent_at"])]


class NeverMerge(TenantModel):
    """Two profiles that are not one person: it holds against every automatic path; only an explicit merge lifts it."""

    low = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="+")
    high = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="+")
    membership = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["account", "low", "high"], name="never_merge_once"),
            models.CheckConstraint(condition=models.Q(low__lt=models.F("high")), name="never_merge_ordered"),
        ]
        indexes = [models.Index(fields=["account", "high"])]


class MatchDecision(TenantModel):
    """What was decided when a record came in, and why. Written for every create, attach, merge and refusal to join."""

    class Outcome(models.TextChoices):
        CREATED = "created", _("New contact")
        UPDATED = "updated", _("Known address")
        ATTACHED = "attached", _("Joined an existing contact")
        MERGED = "merged", _("Linked two contacts")
        SUGGESTED = "suggested", _("Kept apart, suggested")

    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="decisions")
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    rule = models.CharField(max_length=40, help_text="same_address, same_email, same_phone, silence, reply, unknown, …")
    # Protections that fired, the keys that were compared, names that conflict: {'protections': [...], 'keys': [...], …}.
    evidence = models.JSONField(default=dict)
    unified = models.BooleanField(help_text="Whether the account was in unified mode.")
    policy_version = models.PositiveSmallIntegerField(default=1)
    cause = models.CharField(
        max_length=80, blank=True, help_text="What brought it: 'message', 'form', 'bot', 'api', with an id where there is one."
    )
    at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "profile", "-at"])]


class MergeEvent(TenantModel):
    """One merge, unmerge or split: who, why, on what evidence, and which profiles moved from where to where."""

    class Kind(models.TextChoices):
        MERGE = "merge", _("Merged")
        UNMERGE = "unmerge", _("Separated")

    kind = models.CharField(max_length=10, choices=Kind.choices)
    # The contact that was left standing (merge), or the one that was left (unmerge).
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="+")
    cause = models.CharField(max_length=20, help_text="manual, shared, unified, deduplication, crm, undo, switch")
    actor_kind = models.CharField(max_length=10)
    actor_name = models.CharField(max_length=120)
    membership = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(max_length=300, blank=True)
    evidence = models.JSONField(default=dict)
    undoes = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="undone_by")
    policy_version = models.PositiveSmallIntegerField(default=1)
    at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "contact", "-at"]), models.Index(fields=["account", "-at"])]


class ProfileMove(TenantModel):
    """One profile's step in a merge event."""

    event = models.ForeignKey(MergeEvent, on_delete=models.CASCADE, related_name="moves")
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="moves")
    from_contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="+")
    to_contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="+")

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["account", "event"]),
            models.Index(fields=["account", "profile"]),
            models.Index(fields=["account", "from_contact"]),
            models.Index(fields=["account", "to_contact"]),
        ]


class MatchModel(TenantModel):
    """One version of the account's match model: what each agreement and disagreement weighs.

    ``parameters`` holds all that a score needs (levels, m and u probabilities, term frequencies, thresholds), so that a score
    can be explained and repeated later. Written by ``contacts.deduplication``; never changed afterwards.
    """

    version = models.PositiveIntegerField()
    parameters = models.JSONField()
    trained_on = models.PositiveIntegerField(default=0, help_text="Profiles it was trained on; 0: the shipped values alone.")
    figures = models.JSONField(default=dict, help_text="Seconds, pairs and notes of the training.")
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "version"], name="match_model_version_once")]

    def __str__(self) -> str:
        return f"v{self.version}"


class BlockKey(TenantModel):
    """The hash of a rule and a value under which profiles that may be one person's are found together.

    Written by ``contacts.block_keys`` for every profile that is no correction.
    """

    pk = models.CompositePrimaryKey("profile_id", "hash")
    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="+", db_index=False)
    hash = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        # The look-up reads nothing but this index.
        indexes = [models.Index(fields=["account", "hash"], include=["profile"], name="block_key_lookup")]


class CrowdedKey(TenantModel):
    """A block key under which so many profiles stand that it says nothing: it is not looked up any more."""

    hash = models.BigIntegerField()
    rule = models.CharField(max_length=20)
    created_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "hash"], name="crowded_key_once")]


class BlockKeyBuild(TenantModel):
    """How far the account's block keys were made anew by the rules of a version, in the order of the profiles' ids."""

    version = models.PositiveSmallIntegerField()
    done_to = models.BigIntegerField(default=0, help_text="The last profile that has its keys.")
    finished_at = models.DateTimeField(null=True)
    beat_at = models.DateTimeField(db_default=TransactionNow())

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account"], name="block_key_build_once")]


class PendingLookup(TenantModel):
    """Somebody said something new: who may be the same person is looked up after the message, and a sweeper asks until it was."""

    profile = models.OneToOneField(Profile, on_delete=models.CASCADE, primary_key=True, related_name="+")
    asked_at = models.DateTimeField(db_default=TransactionNow())
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["account", "asked_at"])]


class DeduplicationRun(BackgroundRun):
    """One search for duplicates: among all profiles, or between those that changed and everybody. Its progress is in percent."""

    class Kind(models.TextChoices):
        WHOLE = "whole", _("Everybody")
        CHANGED = "changed", _("What changed")

    # Training and comparing a million profiles are steps of a minute each.
    DEAD_AFTER = timedelta(minutes=15)

    kind = models.CharField(max_length=10, choices=Kind.choices)
    # What counts as changed for the next run: everything that the database saw after this moment.
    read_at = models.DateTimeField(null=True, help_text="When the profiles were read.")
    model = models.ForeignKey(MatchModel, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta(BackgroundRun.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["account"], condition=models.Q(state__in=["queued", "running"]), name="deduplication_one_at_a_time"
            )
        ]
        indexes = [models.Index(fields=["account", "-created_at"])]


class MergeSuggestion(TenantModel):
    """Two profiles that may be one person, with the evidence, for a person to decide.

    Kept on the best pair of profiles; shown for the two contacts they belong to now. Written by ``contacts.suggesting``.
    """

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        ACCEPTED = "accepted", _("Accepted")
        REJECTED = "rejected", _("Rejected")
        DEFERRED = "deferred", _("Later")
        OBSOLETE = "obsolete", _("Settled otherwise")

    low = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="+")
    high = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="+")
    origin = models.CharField(max_length=20, help_text="dedup, name_conflict, shared, keys, national_id, recycled, …")
    probability = models.FloatField(null=True, help_text="0 to 1; null where a rule suggests without a score.")
    weight = models.FloatField(null=True, help_text="Match weight in bits: the logarithm of the odds.")
    evidence = models.JSONField(default=list, help_text="[{comparison, level, bits, left, right}], the heaviest first.")
    conflicts = models.JSONField(default=list, help_text="What keeps it from being merged by itself: name, national_id, family_phone, …")
    model = models.ForeignKey(MatchModel, on_delete=models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    decided_by = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    deferred_until = models.DateTimeField(null=True)
    group = models.PositiveIntegerField(null=True, help_text="Suggestions of one run that may all be one person carry one number.")
    created_at = models.DateTimeField(db_default=TransactionNow())
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["account", "low", "high"], name="merge_suggestion_once"),
            models.CheckConstraint(condition=models.Q(low__lt=models.F("high")), name="merge_suggestion_ordered"),
        ]
        indexes = [
            models.Index(fields=["account", "state", "-probability", "id"], name="merge_suggestion_queue"),
            models.Index(fields=["account", "high"]),
        ]


class UnificationRun(BackgroundRun):
    """One preview of the unified rule, or one switch of it; its steps are groups of contacts. At most one switch is under way."""

    class Kind(models.TextChoices):
        PREVIEW = "preview", _("Preview")
        ON = "on", _("Switching on")
        OFF = "off", _("Switching off")

    kind = models.CharField(max_length=10, choices=Kind.choices)
    gives_back = models.BooleanField(default=False, help_text="Switching off: give the contacts back that the rule had joined.")

    class Meta(BackgroundRun.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["account"],
                condition=models.Q(kind__in=["on", "off"], state__in=["queued", "running"]),
                name="unification_one_switch",
            )
        ]
        indexes = [models.Index(fields=["account", "-created_at"])]


class SuggestionDecision(TenantModel):
    """What somebody decided about a suggestion, with all that its undo takes back. It stays when the pair is suggested anew."""

    class Kind(models.TextChoices):
        ACCEPTED = "accepted", _("Accepted")
        REJECTED = "rejected", _("Rejected")
        DEFERRED = "deferred", _("Later")

    suggestion = models.ForeignKey(MergeSuggestion, on_delete=models.CASCADE, related_name="decisions")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    probability = models.FloatField(null=True, help_text="As it was when it was decided.")
    event = models.ForeignKey(
        MergeEvent, on_delete=models.SET_NULL, null=True, related_name="+", help_text="The merge, where it was accepted."
    )
    settled = models.JSONField(default=list, help_text="Every suggestion between the two sides as it was before: [{id, state, until}].")
    never_merge = models.JSONField(default=list, help_text="Ids of the NeverMerge rows that a rejection wrote.")
    batch = models.UUIDField(null=True, help_text="Decided together with others, without being looked at one by one.")
    actor_name = models.CharField(max_length=120)
    membership = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["account", "suggestion", "-id"]),
            models.Index(fields=["account", "membership", "-id"], name="suggestion_decision_by", condition=models.Q(undone_at=None)),
            models.Index(fields=["account", "batch"], condition=models.Q(batch__isnull=False), name="suggestion_decision_batch"),
        ]


# Tables of the same app that live with the work they serve. Last, because they refer to the ones above.
import contacts.quality.models  # noqa: E402, F401
