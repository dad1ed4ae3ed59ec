"""``manage.py build_block_keys [--account SLUG] [--anew]``: make the keys by which similar people are found, in this process."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.entrances import all_account_ids
from accounts.management.naming import account_named
from accounts.scope import account_scope
from contacts.building_block_keys import build_all


class Command(BaseCommand):
    help = "Make the keys by which people who may be the same are found, going on where it stopped. Workers do it by themselves."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="The account's slug; without it every account.")
        parser.add_argument("--anew", action="store_true", help="From the first profile, also where they are up to date.")

    def handle(self, *args: Any, **options: Any) -> None:
        for account_id in self._accounts(options["account"]):
            with account_scope(account_id):
                row = build_all(anew=options["anew"])
            self.stdout.write(f"account {account_id}: keys of version {row.version} up to profile {row.done_to}")

    def _accounts(self, slug: str | None) -> list[int]:
        if slug is None:
            return list(all_account_ids())
        return [account_named(slug)]
