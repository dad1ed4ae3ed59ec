"""``manage.py explain_match A B --account SLUG``: why two contacts are one or are not, in words."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation

from accounts.management.naming import account_named
from accounts.models import Account
from accounts.scope import account_scope
from contacts.explaining import explain
from contacts.models import Contact


class Command(BaseCommand):
    help = "Say in words why two contacts are one person, or are not. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("one", type=int, metavar="A", help="Id of a contact, also of one that was merged away.")
        parser.add_argument("other", type=int, metavar="B")
        parser.add_argument("--account", required=True, metavar="SLUG", help="The account's short name, as in /a/<slug>/.")
        parser.add_argument("--language", choices=["es", "en"], help="The account's own unless given.")

    def handle(self, *args: Any, one: int, other: int, account: str, language: str | None, **options: Any) -> None:
        account_id = account_named(account)
        with account_scope(account_id), translation.override(language or Account.objects.get(pk=account_id).language):
            try:
                found = explain(one=one, other=other)
            except Contact.DoesNotExist:
                raise CommandError("There is no such contact in this account.") from None
            self.stdout.write(found.verdict)
            for line in found.lines:
                self.stdout.write(f"- {line}")
