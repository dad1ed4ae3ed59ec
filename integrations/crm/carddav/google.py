"""Google Contacts by CardDAV: the same address books, opened by signing in, because Google takes no passwords.

Source: developers.google.com/people/carddav. A new card is given a name of Google's own, told in ``Location``.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _

from integrations.crm.carddav.connector import CardDav
from integrations.crm.contract import SettingField
from integrations.crm.oauth import OAuth, SignedIn
from integrations.crm.wire import Wire
from integrations.http_client import Answer

DISCOVERY = "https://www.googleapis.com/.well-known/carddav"
TOKENS = "https://oauth2.googleapis.com/token"
REVOCATION = "https://oauth2.googleapis.com/revoke"
# Without these two Google gives no refresh token, or none the second time.
CONSENT = "https://accounts.google.com/o/oauth2/v2/auth?access_type=offline&prompt=consent"


class GoogleContacts(CardDav):
    """The contacts of one Google account."""

    kind: ClassVar[str] = "google"
    label: ClassVar[Any] = "Google Contacts"
    about: ClassVar[Any] = _("The contacts of one Google account. You sign in there.")
    setting_fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("user", _("Google account"), _("The email address whose contacts are kept in step.")),
        SettingField("client_id", _("Client ID"), _("Of your app in the Google Cloud console, with the CardDAV API."), is_required=False),
        SettingField("client_secret", _("Client secret"), _("Of the same app."), is_secret=True, is_required=False),
    )

    def __init__(self, settings: Mapping[str, Any], wire: Wire) -> None:
        super().__init__({**settings, "url": DISCOVERY}, wire)
        self._signed_in = SignedIn(self.oauth(settings), settings, wire)

    @classmethod
    def remote_account(cls, settings: Mapping[str, Any]) -> str:
        return str(settings.get("user", "")).casefold()

    @classmethod
    def oauth(cls, settings: Mapping[str, Any]) -> OAuth:  # type: ignore[override]
        return OAuth(
            label=cls.label,
            authorize_url=CONSENT,
            token_url=TOKENS,
            revoke_url=REVOCATION,
            scopes=("https://www.googleapis.com/auth/carddav",),
            depends_on=("user",),
            own_hosts=("googleapis.com",),
        )

    def _call(self, method: str, url: str, **more: Any) -> Answer:
        return self._signed_in.call(method, lambda _held: url, **more)
