"""``manage.py preview_unification --account SLUG``: what unification would change in an account, without changing anything."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import translation

from accounts.management.naming import account_named
from accounts.models import Account
from accounts.scope import account_scope
from contacts.unification.advising import advice
from contacts.unification.previewing import figures_of


class Command(BaseCommand):
    help = "Count what unification would change in an account. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", required=True, metavar="SLUG", help="The account's short name, as in /a/<slug>/.")
        parser.add_argument("--json", action="store_true", help="Print everything that was found, with examples.")

    def handle(self, *args: Any, account: str, **options: Any) -> None:
        account_id = account_named(account)
        with account_scope(account_id):
            found = figures_of(Account.objects.get(pk=account_id))
        if options["json"]:
            self.stdout.write(json.dumps(found, ensure_ascii=False, indent=2))
            return
        self.stdout.write(f"contacts today        {found['contacts_before']}")
        self.stdout.write(f"there would be        {found['contacts_after']}")
        self.stdout.write(f"groups that join      {found['groups']}")
        self.stdout.write(f"for a person          {found['review']}")
        self.stdout.write(f"shared values         {found['shared_count']}")
        with translation.override("en"):
            for line in advice(found):
                self.stdout.write(f"{'+' if line.speaks_for else '!'} {line.text}")
