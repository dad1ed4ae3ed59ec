"""``manage.py catalogs [--check]``: bring the translations up to date, or tell whether they are."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import catalogs


class Command(BaseCommand):
    help = "Collect the texts of the product into locale/*/LC_MESSAGES/django.po and compile them. With --check nothing is written."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="Fail when a catalog is out of date or a text is not translated.")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        problems = catalogs.check() if check else catalogs.update()
        for language, text, what in problems:
            self.stdout.write(f"{language}: {text!r} {what}" if text else f"{language} {what}")
        if check and problems:
            raise CommandError("The catalogs are not complete.")
