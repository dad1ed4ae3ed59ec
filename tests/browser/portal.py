"""How the tests of the portal come in."""

import secrets
from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from accounts.models import Account
from accounts.scope import account_scope
from consent.fingerprints import point_ref
from consent.models import PortalSignIn
from consent.portal.addresses import kept
from consent.portal.signing_in import digest
from tests.browser.conftest import LiveServer


def letter_to(email: str, *, account: Account, server: LiveServer) -> str:
    """The link of a letter that was sent to the address just now."""
    token, now = secrets.token_urlsafe(32), timezone.now()
    with account_scope(account):
        ref = point_ref(kind="email", value=email)
        PortalSignIn.objects.create(
            lookup_hmac=ref.lookup,
            client_hmac="0" * 64,
            asker_digest=digest(secrets.token_urlsafe(24)),
            link_digest=digest(token),
            address=kept(ref),
            language="es",
            asked_at=now,
            expires_at=now + timedelta(minutes=15),
            handled_at=now,
            sent_at=now,
        )
    return f"{server.url}{reverse('portal:enter', args=[account.slug])}?t={token}"
