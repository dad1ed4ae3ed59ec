"""``manage.py export_person CONTACT --account SLUG --to FILE``: everything that is known of a person, as a ZIP."""

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone, translation

from accounts.actors import SYSTEM
from accounts.management.naming import account_named
from accounts.models import Account
from accounts.scope import account_scope
from contacts.exporting import export
from contacts.models import Contact, Profile
from contacts.queries import live_contact


class Command(BaseCommand):
    help = "Write everything that is known of a person to a ZIP file: data.json for programs, index.html to read, and the files."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("contact", type=int, help="Id of the contact, also of one that was merged away.")
        parser.add_argument("--account", required=True, metavar="SLUG", help="The account's short name, as in /a/<slug>/.")
        parser.add_argument("--to", required=True, type=Path, metavar="FILE", help="The ZIP file to write; it must not exist yet.")
        parser.add_argument("--profile", type=int, action="append", metavar="ID", help="Only this source of the person; may be repeated.")
        parser.add_argument("--language", choices=["es", "en"], help="The account's own unless given.")

    def handle(
        self, *args: Any, contact: int, account: str, to: Path, profile: list[int] | None, language: str | None, **options: Any
    ) -> None:
        account_id = account_named(account)
        with account_scope(account_id):
            house = Account.objects.get(pk=account_id)
            try:
                shown = live_contact(contact)
            except Contact.DoesNotExist:
                raise CommandError("There is no such contact in this account, or it was erased.") from None
            profiles = list(Profile.scoped().filter(contact=shown, **({"pk__in": profile} if profile else {})))
            if profile and len(profiles) != len(set(profile)):
                raise CommandError(f"These are not all profiles of contact {shown.pk}. Nothing was written.")
            try:
                with to.open("xb") as target, translation.override(language or house.language), timezone.override(house.timezone):
                    export(profiles=profiles, by=SYSTEM, to=target)
            except FileExistsError:
                raise CommandError(f"{to} is there already. Name another file.") from None
            except OSError as error:
                raise CommandError(f"{to} cannot be written: {error.strerror}.") from None
            except ValidationError as refused:
                to.unlink()
                raise CommandError(" ".join(refused.messages)) from None
        self.stdout.write(f"{to}: {to.stat().st_size} bytes")
