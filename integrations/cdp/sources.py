"""Write keys and signing secrets: made, shown once, exchanged, revoked; and how a request finds its source."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import auditing
from accounts.actors import Actor
from accounts.entrances import token_digest
from accounts.roles import Ability, require
from accounts.scope import current_account_id
from integrations.models import CustomerDataSource
from integrations.webhooks.signing import new_secret

PREFIX = "wk"
NAME_LENGTH = 80
# For how long the key or secret before the current one is taken: pages and apps that carry it live on for a while.
OVERLAP = timedelta(days=7)


class ReadKey(NamedTuple):
    """Which account a key says it is of; whether it is, only the source knows."""

    account_id: int
    digest: str


def new_key() -> str:
    """It names its account, so that it is looked up inside the account's scope like everything else; 192 bits are nobody's to guess."""
    return f"{PREFIX}_{current_account_id()}_{secrets.token_urlsafe(24)}"


def read_key(text: str) -> ReadKey | None:
    parts = text.split("_", 2)
    if len(text) > 100 or len(parts) != 3 or parts[0] != PREFIX or not (parts[1].isascii() and parts[1].isdecimal()) or len(parts[1]) > 18:
        return None
    return ReadKey(int(parts[1]), token_digest(text))


def find_source(digest: str) -> CustomerDataSource | None:
    """The source in scope that the key opens now."""
    former = Q(previous_digest=digest, previous_until__gt=timezone.now())
    return CustomerDataSource.scoped().filter(Q(digest=digest) | former, revoked_at=None).first()


def find_by_address(key: str) -> CustomerDataSource | None:
    """The source in scope whose signed door it is; a revoked one has none."""
    return CustomerDataSource.scoped().filter(key=key, revoked_at=None).first()


def secrets_of(source: CustomerDataSource, at: datetime) -> Sequence[str]:
    """The secrets that a signature may be made with at a moment; none where the source does not sign."""
    kept: dict[str, str] = source.secrets  # type: ignore[assignment]
    still = source.previous_secret_until is not None and source.previous_secret_until > at
    return [secret for secret in (kept.get("current"), kept.get("previous") if still else None) if secret]


@transaction.atomic
def create_source(*, name: str, by: Actor) -> tuple[CustomerDataSource, str]:
    """Make a source; its write key is given here and never again. Raises ``ValidationError``, ``PermissionDenied``."""
    require(by, Ability.MANAGE_ACCOUNT)
    name = " ".join(name.replace("\x00", "").split())
    if not 0 < len(name) <= NAME_LENGTH:
        raise ValidationError({"name": _("Give it a name of at most %(length)d characters.") % {"length": NAME_LENGTH}})
    key = new_key()
    made = CustomerDataSource.objects.create(name=name, hint=_hint(key), digest=token_digest(key))
    auditing.record(actor=by, action="customer_data.create", target=made, name=made.name, hint=made.hint)
    return made, key


@transaction.atomic
def rotate_key(*, source: CustomerDataSource, by: Actor) -> tuple[CustomerDataSource, str]:
    """Another key; the former one is taken for a week more."""
    require(by, Ability.MANAGE_ACCOUNT)
    locked = CustomerDataSource.scoped().select_for_update().get(pk=source.pk)
    if locked.revoked_at is not None:
        raise ValidationError({"": _("It was revoked.")})
    key = new_key()
    locked.previous_digest, locked.previous_until = locked.digest, timezone.now() + OVERLAP
    locked.digest, locked.hint = token_digest(key), _hint(key)
    locked.save(update_fields=["previous_digest", "previous_until", "digest", "hint"])
    auditing.record(actor=by, action="customer_data.rotate", target=locked, name=locked.name, hint=locked.hint)
    return locked, key


@transaction.atomic
def make_secret(*, source: CustomerDataSource, by: Actor) -> tuple[CustomerDataSource, str]:
    """The secret that the source's server signs with; it is given here and never again. A former one is taken for a week more.

    Raises ``ValidationError`` for a revoked source, ``PermissionDenied``.
    """
    require(by, Ability.MANAGE_ACCOUNT)
    locked = CustomerDataSource.scoped().select_for_update().get(pk=source.pk)
    if locked.revoked_at is not None:
        raise ValidationError({"": _("It was revoked.")})
    kept: dict[str, str] = locked.secrets  # type: ignore[assignment]
    secret = new_secret()
    if former := kept.get("current"):
        locked.secrets, locked.previous_secret_until = {"current": secret, "previous": former}, timezone.now() + OVERLAP
    else:
        locked.secrets = {"current": secret}
    locked.save(update_fields=["secrets", "previous_secret_until"])
    auditing.record(actor=by, action="customer_data.secret", target=locked, name=locked.name)
    return locked, secret


@transaction.atomic
def revoke_source(*, source: CustomerDataSource, by: Actor) -> CustomerDataSource:
    """From now on its keys and signatures open nothing; what it told stays. Revoking twice changes nothing."""
    require(by, Ability.MANAGE_ACCOUNT)
    locked = CustomerDataSource.scoped().select_for_update().get(pk=source.pk)
    if locked.revoked_at is None:
        locked.revoked_at = timezone.now()
        locked.save(update_fields=["revoked_at"])
        auditing.record(actor=by, action="customer_data.revoke", target=locked, name=locked.name)
    return locked


def _hint(key: str) -> str:
    return key[: len(key) - 24]
