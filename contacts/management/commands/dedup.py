"""``manage.py dedup --account SLUG [--changed]``: search for duplicates now, in this process."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.naming import account_named
from accounts.scope import account_scope
from contacts.deduplication.running import work
from contacts.models import DeduplicationRun


class Command(BaseCommand):
    help = "Search an account for contacts that may be one person. Suggests, and merges by itself only where the account allows it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", required=True, help="The account's slug.")
        parser.add_argument("--changed", action="store_true", help="Only what changed since the last search.")

    def handle(self, *args: Any, **options: Any) -> None:
        account_id = account_named(options["account"])
        with account_scope(account_id):
            if DeduplicationRun.unfinished().exists():
                raise CommandError("A search is waiting or running already.")
            kind = DeduplicationRun.Kind.CHANGED if options["changed"] else DeduplicationRun.Kind.WHOLE
            run = work(run_id=DeduplicationRun.objects.create(kind=kind).pk)
        self.stdout.write(json.dumps({"state": run.state, **run.figures}, indent=2))
