"""Copies of the do-not-call registries of the countries."""

from django.db import models

from accounts.background_runs import BackgroundRun


class RegistryCopy(BackgroundRun):
    """One list that was brought in: what it names is among the suppressions, the file itself is deleted once it was read.

    ``figures``: ``listed`` addresses and ``unreadable`` lines.
    """

    country = models.CharField(max_length=2, help_text="Whose registry it is: ISO 3166.")
    name = models.CharField(max_length=200, help_text="Of the file, for people.")
    file = models.CharField(max_length=200, blank=True, help_text="Where the bytes wait; empty once they were read.")

    class Meta(BackgroundRun.Meta):
        indexes = [models.Index(fields=["account", "country", "-id"])]
