"""What the settings of an account are called: by the form and by the audit."""

from django.utils.translation import gettext_lazy

SETTING_WORDS = {
    "name": gettext_lazy("Name of the account"),
    "language": gettext_lazy("Language of what the account sends by itself"),
    "timezone": gettext_lazy("Time zone"),
    "default_region": gettext_lazy("Country"),
    "unification_enabled": gettext_lazy("Unification"),
    "new_contact_after_hours": gettext_lazy("New contact after a silence of (hours)"),
    "reopen_within_hours": gettext_lazy("Reopen a resolved conversation within (hours)"),
    "conversation_per_channel": gettext_lazy("Keep one conversation per channel"),
    "name_conflict": gettext_lazy("When one email or phone brings two names"),
    "matching_policy": gettext_lazy("What joins two records"),
    "claimed_suggests_only": gettext_lazy("What was only typed joins nobody by itself"),
    "shared_after_names": gettext_lazy("An email or phone is shared beyond (names)"),
    "max_profiles_per_contact": gettext_lazy("Sources that one contact gathers by itself"),
    "max_merges_per_hour": gettext_lazy("Contacts joined by themselves within an hour"),
    "deduplication_merges": gettext_lazy("Merge by itself what is beyond doubt"),
    "stale_after_months": gettext_lazy("An identifier counts as stale after (months)"),
    "retire_visitors_after_days": gettext_lazy("Retire visitors who left nothing after (days)"),
    "recycled_after_days": gettext_lazy("A number may have changed hands after a silence of (days)"),
}
