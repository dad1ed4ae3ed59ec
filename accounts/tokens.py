"""API tokens: made, shown once, revoked."""

import secrets

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import auditing
from accounts.actors import Actor
from accounts.entrances import token_digest
from accounts.models import ApiToken, Membership
from accounts.roles import Ability, require

PREFIX = "hilo_"
HINT_LENGTH = 10


@transaction.atomic
def create_token(*, membership: Membership, name: str, by: Actor) -> tuple[ApiToken, str]:
    """Make a token that may do what the membership may. The secret is given here and never again.

    Raises ``ValidationError`` for a membership that is switched off.
    """
    require(by, Ability.MANAGE_ACCOUNT)
    membership = Membership.scoped().select_for_update().get(pk=membership.pk)
    if not membership.is_active:
        raise ValidationError({"membership": _("This person no longer works in the account.")})
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(membership=membership, name=name.strip()[:80], hint=secret[:HINT_LENGTH], digest=token_digest(secret))
    auditing.record(actor=by, action="token.create", target=token, name=token.name, hint=token.hint, member=str(membership.pk))
    return token, secret


@transaction.atomic
def revoke_token(*, token: ApiToken, by: Actor) -> ApiToken:
    """From now on the token opens nothing. Revoking twice changes nothing."""
    require(by, Ability.MANAGE_ACCOUNT)
    token = ApiToken.scoped().select_for_update().get(pk=token.pk)
    if token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
        auditing.record(actor=by, action="token.revoke", target=token, name=token.name, hint=token.hint)
    return token
