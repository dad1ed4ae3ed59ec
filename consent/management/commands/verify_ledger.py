"""``manage.py verify_ledger [--account SLUG] [--head SEQUENCE:HASH]``: check the consent ledger, and name the first broken event."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.entrances import all_account_ids
from accounts.management.naming import account_named
from accounts.scope import account_scope
from consent.verifying import verify


class Command(BaseCommand):
    help = "Check every event of the consent ledger against its hash, the chain and the anchors. Exit code 1 where something is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="Slug of one account; all of them where it is left out.")
        parser.add_argument("--head", action="append", default=[], help="SEQUENCE:HASH as it was logged or kept; needs --account.")

    def handle(self, *args: Any, **options: Any) -> None:
        account_ids = all_account_ids()
        if options["account"]:
            account_ids = [account_named(options["account"])]
        elif options["head"]:
            raise CommandError("A head is of one account: name it with --account.")
        try:
            heads = [(int(head.partition(":")[0]), head.partition(":")[2]) for head in options["head"]]
        except ValueError as error:
            raise CommandError("Write a head as SEQUENCE:HASH.") from error
        broken = 0
        for account_id in account_ids:
            with account_scope(account_id):
                report = verify(heads=heads)
            where = f"account {account_id}: {report.sealed} sealed, {report.unsealed} not sealed yet, {report.anchors} anchors"
            if report.is_sound:
                self.stdout.write(f"{where}: sound")
                continue
            broken += 1
            event = f" (event {report.event})" if report.event else ""
            self.stdout.write(f"{where}: BROKEN at number {report.sequence}{event}: {report.broken}")
        if broken:
            raise CommandError(f"{broken} of {len(account_ids)} ledgers are broken.", returncode=1)
