"""What an account sends and on what ground, what people were told, and what each country allows."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from simple_history.models import HistoricalRecords

from accounts.models import Membership
from accounts.tenancy import TenantModel, TenantQuerySet
from consent.vocabulary import PurposeClass


class Purpose(TenantModel):
    """One reason to write to people. Every account is opened with one of each class."""

    key = models.SlugField(max_length=40)
    purpose_class = models.CharField(max_length=14, choices=PurposeClass.choices)
    names = models.JSONField(default=dict, help_text="Language → name, as people read it.")
    legal_basis = models.JSONField(default=dict, blank=True, help_text="Country (ISO 3166, '*' for the others) → basis.")
    double_opt_in = models.BooleanField(default=False, help_text="A grant counts only once it was confirmed from the point itself.")
    expires_after_days = models.PositiveIntegerField(null=True, blank=True, help_text="A grant older than that no longer counts.")
    is_active = models.BooleanField(default=True, help_text="Nothing is sent for a purpose that is switched off.")
    position = models.PositiveSmallIntegerField(default=0)
    history = HistoricalRecords(historical_queryset=TenantQuerySet)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "key"], name="purpose_once")]


class NoticeVersion(TenantModel):
    """The wording that people agreed to. Written once; a change is a new number, and a material one asks everybody again."""

    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT, related_name="notices")
    language = models.CharField(max_length=5)
    number = models.PositiveIntegerField(help_text="Goes up; the languages of one wording share it.")
    text = models.TextField()
    sha256 = models.CharField(max_length=64, help_text="Of the text in UTF-8; the ledger names it.")
    is_material = models.BooleanField(default=True, help_text="Grants to an older number no longer count.")
    published_at = models.DateTimeField(db_default=TransactionNow())

    # Nobody rewrites what somebody agreed to (accounts.row_security).
    withheld = ("UPDATE", "DELETE")

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "purpose", "language", "number"], name="notice_version_once")]


class GatePolicy(TenantModel):
    """The account's own settings of the gate; an account without a row has the defaults. One row at most."""

    postal_address = models.CharField(max_length=300, blank=True, help_text="Stands in bulk email; without it none leaves.")
    cap_count = models.PositiveSmallIntegerField(default=4, help_text="Messages beyond replies and codes, to one person …")
    cap_days = models.PositiveSmallIntegerField(default=7, help_text="… within so many days.")
    quiet_from = models.TimeField(null=True, help_text="The account's own quiet hours, besides those of the country.")
    quiet_to = models.TimeField(null=True)
    opt_out_is_confirmed = models.BooleanField(default=True, help_text="Answer a stop word with one confirmation.")
    help_is_answered = models.BooleanField(default=True, help_text="Answer a word for help, once a day in each conversation.")
    help_texts = models.JSONField(default=dict, blank=True, help_text="Language → who we are, in the account's own words; empty: ours.")
    version = models.PositiveIntegerField(default=1, help_text="Goes up with every change.")
    history = HistoricalRecords(historical_queryset=TenantQuerySet)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account"], name="gate_policy_once")]


class CountryRule(models.Model):
    """One figure of one country's law as it is shipped: ``consent/data/country_rules.json``, loaded after each migrate."""

    country = models.CharField(max_length=2, help_text="ISO 3166; EU for the countries that 'members' lists.")
    name = models.CharField(max_length=30, help_text="quiet_hours, holidays, soft_opt_in, …: see consent.country_rules.")
    value = models.JSONField(null=True)
    source = models.CharField(max_length=300, help_text="The law and its article.")
    url = models.URLField(max_length=300, blank=True, help_text="Where it was read; empty where nobody could.")
    checked_on = models.DateField(null=True, help_text="When the figure was compared with its source; null: written down unread.")
    needs_counsel = models.BooleanField(default=True, help_text="Nobody who practises there has confirmed it yet.")

    # The same for every account: whoever serves one may not change it.
    withheld = ("INSERT", "UPDATE", "DELETE")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["country", "name"], name="country_rule_once")]


class CountryRuleCorrection(TenantModel):
    """An account's own figure in the place of the shipped one, as its counsel gave it."""

    country = models.CharField(max_length=2)
    name = models.CharField(max_length=30)
    value = models.JSONField(null=True)
    source = models.CharField(max_length=300)
    dated = models.DateField()
    corrected_by = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="+")
    corrected_at = models.DateTimeField(auto_now=True)
    history = HistoricalRecords(historical_queryset=TenantQuerySet)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "country", "name"], name="country_rule_correction_once")]
