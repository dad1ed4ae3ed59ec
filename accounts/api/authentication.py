"""Who calls the API: a bearer token of a membership. Sessions do not open it."""

from datetime import timedelta
from typing import Any

import structlog
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.actors import Actor
from accounts.entrances import account_id_by_token, token_digest
from accounts.models import ApiToken, User
from accounts.scope import account_scope

# ``last_used_at`` is a hint for people who tidy up tokens: finer than this would cost a write per request.
USE_NOTED_EVERY = timedelta(minutes=1)


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer <token>`` → the membership's user and the token.

    Enters the scope of the token's account for the rest of the request, rendering included: the view keeps it open
    (``accounts.api.views.ApiRequestMixin``). Sets ``membership``, ``account`` and ``actor`` on the request.
    """

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        parts = get_authorization_header(request).split()
        if not parts:
            return None
        if parts[0].lower() != b"bearer" or len(parts) != 2:
            raise AuthenticationFailed(_("Send the token as “Authorization: Bearer <token>”."))
        secret = parts[1].decode("latin-1")
        account_id = account_id_by_token(secret)
        if account_id is None:
            raise AuthenticationFailed(_("This token does not exist or was revoked."))
        http: Any = request._request
        http.open_scopes.enter_context(account_scope(account_id))
        token = ApiToken.scoped().select_related("membership__user", "account").filter(digest=token_digest(secret)).first()
        if token is None or token.revoked_at is not None or not _may_enter(token):
            raise AuthenticationFailed(_("This token does not exist or was revoked."))
        token.membership.account = token.account
        http.account, http.membership = token.account, token.membership
        http.actor = Actor.api(token.membership, token.name)
        structlog.contextvars.bind_contextvars(account=token.account.slug, token=token.pk)
        _note_use(token)
        return token.membership.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _may_enter(token: ApiToken) -> bool:
    return token.membership.is_active and token.membership.user.is_active


def _note_use(token: ApiToken) -> None:
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at >= USE_NOTED_EVERY:
        ApiToken.scoped().filter(pk=token.pk).update(last_used_at=now)
        token.last_used_at = now
