"""``manage.py open_account --name N --slug S --email E``: open an account with its first administrator."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email, validate_slug
from django.db import transaction
from phonenumbers import SUPPORTED_REGIONS

from accounts.entrances import account_id_by_slug
from accounts.invitations import door_of
from accounts.models import User
from accounts.opening import open_account


class Command(BaseCommand):
    help = "Open an account, and print where its first administrator chooses a password. The link works once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="What the business is called.")
        parser.add_argument("--slug", required=True, help="Its short name in addresses, as in /a/<slug>/; it never changes.")
        parser.add_argument("--email", required=True, help="The first administrator's email address.")
        parser.add_argument("--country", default="CL", help="Two letters, such as PE: phones without a prefix are read as that country's.")
        parser.add_argument("--timezone", default="America/Santiago", help="For example America/Lima.")
        parser.add_argument("--language", default="es", choices=[code for code, _name in settings.LANGUAGES])

    @transaction.atomic
    def handle(self, *args: Any, name: str, slug: str, email: str, country: str, timezone: str, language: str, **options: Any) -> None:
        if not (name + slug + email).isprintable():
            raise CommandError("Write name, slug and email in printable characters.")
        if country.upper() not in SUPPORTED_REGIONS:
            raise CommandError(f"There is no country “{country}”: give its two letters, such as PE.")
        if account_id_by_slug(slug) is not None:
            raise CommandError(f"There is an account “{slug}” already.")
        more = {"default_region": country.upper(), "timezone": timezone, "language": language}
        try:
            validate_email(email)
            validate_slug(slug)
            known = User.objects.filter(email=email.strip().lower()).first()
            user = known or User.objects.create_user(email=email.strip(), language=language)
            open_account(name=name.strip(), slug=slug, admin=user, **more)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(settings.PUBLIC_URL + door_of(user))
