"""``manage.py create_token --email E --account SLUG``: make an API token for a member and print it."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actors import SYSTEM
from accounts.management.naming import account_named
from accounts.models import Membership
from accounts.scope import account_scope
from accounts.tokens import create_token


class Command(BaseCommand):
    help = "Make an API token for a member of an account. Prints the token, and nothing else, on standard output; it is not shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="The member's email address.")
        parser.add_argument("--account", required=True, metavar="SLUG", help="The account's short name, as in /a/<slug>/.")
        parser.add_argument("--name", default="", help="What the token is for.")

    def handle(self, *args: Any, email: str, account: str, name: str, **options: Any) -> None:
        # Bytes that the terminal's encoding does not know arrive as half surrogate pairs.
        if not (email + account + name).isprintable():
            raise CommandError("Write email, account and name in printable characters.")
        account_id = account_named(account)
        with account_scope(account_id):
            membership = Membership.scoped().filter(user__email__iexact=email.strip()).first()
            if membership is None:
                raise CommandError(f"“{email}” is no member of “{account}”.")
            try:
                _token, secret = create_token(membership=membership, name=name, by=SYSTEM)
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(secret)
