"""``manage.py erase_person CONTACT --account SLUG``: destroy what is known of a person, in every room."""

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation

from accounts.actors import SYSTEM
from accounts.management.naming import account_named
from accounts.models import Account
from accounts.scope import account_scope
from contacts.erasing import erase
from contacts.models import Contact, Profile
from contacts.queries import ErasedContact, live_contact


class Command(BaseCommand):
    help = (
        "Destroy what is known of a person: profiles, addresses, messages, files, history. Nothing brings it back. Prints a report as JSON."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("contact", type=int, help="Id of the contact, also of one that was merged away: the whole person is erased.")
        parser.add_argument("--account", required=True, metavar="SLUG", help="The account's short name, as in /a/<slug>/.")
        parser.add_argument("--profile", type=int, action="append", metavar="ID", help="Only this source of the person; may be repeated.")
        parser.add_argument("--yes", action="store_true", help="Do not ask.")

    def handle(self, *args: Any, contact: int, account: str, profile: list[int] | None, yes: bool, **options: Any) -> None:
        account_id = account_named(account)
        with account_scope(account_id), translation.override(Account.objects.get(pk=account_id).language):
            try:
                shown = live_contact(contact)
            except ErasedContact:
                raise CommandError("That person was erased already.") from None
            except Contact.DoesNotExist:
                raise CommandError("There is no such contact in this account.") from None
            profiles = list(Profile.scoped().filter(contact=shown, **({"pk__in": profile} if profile else {})))
            if profile and len(profiles) != len(set(profile)):
                raise CommandError(f"These are not all profiles of contact {shown.pk}. Nothing was erased.")
            if not yes and input(f"Erase {shown} (contact {shown.pk})? Nothing brings it back. Type the number to go on: ") != str(
                shown.pk
            ):
                raise CommandError("Nothing was erased.")
            try:
                report = erase(profiles=profiles, by=SYSTEM)
            except ValidationError as refused:
                raise CommandError(" ".join(refused.messages)) from None
        self.stdout.write(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
