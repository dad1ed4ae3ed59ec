"""An administrator lets us into the other system: away to it, back with a code, and the code becomes tokens.

Nothing is kept between going and coming back. The state that travels is signed with the browser's session, names account and connection and
ends after ten minutes; the verifier is derived from both and never leaves this side. So whoever comes back with a state is
whoever left with it, and asking for the address of the other system changes nothing. A state that was used is remembered until it
would have ended anyway.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, Literal

from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from accounts import auditing
from accounts.actors import Actor
from accounts.models import Account
from accounts.roles import Ability, require
from integrations.crm.contract import Connector, ConnectorError
from integrations.crm.oauth import OAuth, authorize_address, tokens_for_code
from integrations.crm.registry import CONNECTORS
from integrations.crm.wire import Wire
from integrations.models import Connection, ExternalRecord
from integrations.syncing.connecting import wake
from integrations.syncing.opening import settings_of

# Seconds between leaving and coming back; the other side's codes end after about as long.
LIFETIME = 600
SALT = "integrations.signing_in"
CODE_LENGTH = 4096


@dataclass(frozen=True)
class SignIn:
    """What the pages say of it: ``is_done`` once there is a token."""

    label: Any
    is_done: bool


@dataclass(frozen=True)
class Journey:
    """What a state says of whoever left with it."""

    account_slug: str
    connection_id: int
    label: Any


def sign_in_of(connection: Connection) -> SignIn | None:
    """``None`` for systems that ask for no sign-in."""
    oauth = _oauth(connection)
    held: Any = connection.credentials
    return SignIn(oauth.label, bool(held.get("access_token"))) if oauth else None


def comes_next(connector: type[Connector]) -> Literal["sign_in", "either", "nothing"]:
    """What follows when a connection's settings are saved: a sign-in, nothing, or one of both, as a secret is among them or not."""
    if connector.oauth({}) is None:
        return "nothing"
    with_every_secret = {field.name: "-" for field in connector.setting_fields if field.is_secret}
    return "sign_in" if connector.oauth(with_every_secret) else "either"


def address(*, connection: Connection, account: Account, session: str, by: Actor) -> str:
    """Where the browser with that session goes. Writes nothing. Raises ``ValidationError`` where no client is set up."""
    require(by, Ability.MANAGE_CHANNELS)
    oauth = _oauth(connection)
    if oauth is None:
        raise ValidationError(_("This system asks for no sign-in."))
    client_id = str(settings_of(connection).get("client_id") or "")
    if not client_id:
        raise ValidationError(_("Write the client id of your app into the settings first."))
    said = {"a": account.slug, "c": connection.pk, "k": connection.kind, "n": secrets.token_urlsafe(8)}
    state = signing.dumps(said, salt=f"{SALT}:{session}")
    return authorize_address(
        oauth, client_id=client_id, redirect_uri=redirect_uri(), state=state, verifier=_verifier(session=session, state=state)
    )


def read_state(state: str, *, session: str) -> Journey:
    """Raises ``ValidationError`` for a state that is not this session's, was changed, or has ended."""
    try:
        said = signing.loads(state, salt=f"{SALT}:{session}", max_age=LIFETIME)
    except signing.SignatureExpired:
        raise ValidationError(_("That took longer than ten minutes. Start again."), code="expired") from None
    except signing.BadSignature:
        raise ValidationError(_("This sign-in was not started in this browser, or is damaged. Start again."), code="state") from None
    return Journey(said["a"], said["c"], CONNECTORS[said["k"]].label)


def finish(*, connection: Connection, account: Account, session: str, state: str, code: str, by: Actor) -> None:
    """Keep what the code is worth. Raises ``ValidationError`` in words, having changed nothing, and ``PermissionDenied``.

    No transaction is open while the other system is asked.
    """
    require(by, Ability.MANAGE_CHANNELS)
    journey, oauth = read_state(state, session=session), _oauth(connection)
    if oauth is None or (journey.account_slug, journey.connection_id) != (account.slug, connection.pk):
        raise ValidationError(_("This sign-in belongs to another connection. Start again."), code="state")
    if not code or len(code) > CODE_LENGTH:
        raise ValidationError(_("%(system)s sent no code. Start again.") % {"system": oauth.label}, code="code")
    if not cache.add(f"signed-in:{hashlib.sha256(state.encode()).hexdigest()}", 1, LIFETIME + 60):
        raise ValidationError(_("This sign-in was used already. Start again."), code="used")
    asked_with = settings_of(connection)
    try:
        tokens = tokens_for_code(
            oauth, asked_with, Wire(), code=code, redirect_uri=redirect_uri(), verifier=_verifier(session=session, state=state)
        )
    except ConnectorError as error:
        raise ValidationError(str(error), code="refused") from error
    _keep(connection, oauth, asked_with, tokens, by=by)


@transaction.atomic
def _keep(connection: Connection, oauth: OAuth, asked_with: dict[str, Any], tokens: dict[str, Any], *, by: Actor) -> None:
    row = Connection.objects.select_for_update().get(pk=connection.pk)
    now = settings_of(row)
    if any(now.get(name) != asked_with.get(name) for name in oauth.bound_to):
        raise ValidationError(_("The settings were changed meanwhile. Start again."), code="changed")
    held: dict[str, Any] = row.credentials
    known, new = held.get("signed_in_account"), tokens.get("signed_in_account")
    if known and new and known != new and ExternalRecord.scoped().filter(connection=row).exists():
        text = _("That is another account at %(system)s than the one this connection is in step with. Make a new connection for it.")
        raise ValidationError(text % {"system": oauth.label}, code="other_account")
    row.credentials = {**held, **tokens}
    if row.state in (Connection.State.MISCONFIGURED, Connection.State.FAILING):
        row.state, row.problem, row.failures, row.next_pull_at = Connection.State.WORKING, "", 0, timezone.now()
    row.save(update_fields=["credentials", "state", "problem", "failures", "next_pull_at"])
    auditing.record(actor=by, action="connection.sign_in", target=row, kind=row.kind)
    wake(row)


def redirect_uri() -> str:
    """One for the whole installation, so that it is registered once at the other system."""
    return f"{settings.PUBLIC_URL}{reverse('integrations:oauth_callback')}"


def _oauth(connection: Connection) -> OAuth | None:
    return CONNECTORS[connection.kind].oauth(settings_of(connection))


def _verifier(*, session: str, state: str) -> str:
    """43 characters that nobody can know who has not the installation's key and the session."""
    digest = salted_hmac(f"{SALT}.verifier", f"{session}:{state}", algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
