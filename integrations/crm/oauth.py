"""OAuth 2 for connectors: an administrator lets us in at the other system (authorization code, with PKCE by S256), and the access
token is renewed when it ends. Pure but for the wire: who may ask, and where tokens are kept, is ``integrations.syncing.signing_in``'s.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.utils.translation import gettext as _

from integrations.crm.errors import Misconfigured, Retry
from integrations.crm.wire import Wire
from integrations.http_client import Answer

# Longer than any token; what is longer is not kept.
LONGEST = 8192
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


@dataclass(frozen=True)
class OAuth:
    """Where an administrator lets us in, and what we ask for. ``client_id`` and ``client_secret`` are settings of those names."""

    label: Any
    authorize_url: str
    token_url: str
    scopes: tuple[str, ...] = ()
    # The vendor's own domains. Only there is the installation's app made known: whoever sets up a connection writes the address.
    own_hosts: tuple[str, ...] = ()
    # Where a permission is withdrawn (RFC 7009); empty where that can only be done by hand.
    revoke_url: str = ""
    uses_pkce: bool = True
    # Settings that the tokens depend on besides the client's: with another value somebody has to let us in again.
    depends_on: tuple[str, ...] = ("url",)
    # What the token endpoint says besides the tokens and is kept with them.
    keeps: tuple[str, ...] = ()
    # Names the account there from the token endpoint's answer: a second sign-in must lead to the same one. Empty: it cannot be told.
    account_of: Callable[[Mapping[str, Any]], str] = field(default=lambda _said: "")

    @property
    def bound_to(self) -> tuple[str, ...]:
        """The settings that tokens were given for."""
        return ("client_id", "client_secret", *self.depends_on)

    @property
    def is_at_vendor(self) -> bool:
        """Whether tokens are asked for at one of the vendor's own domains, and encrypted."""
        url = urlsplit(self.token_url)
        return url.scheme == "https" and any(f".{url.hostname}".endswith(f".{host}") for host in self.own_hosts)


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def authorize_address(oauth: OAuth, *, client_id: str, redirect_uri: str, state: str, verifier: str) -> str:
    """Where the administrator's browser is sent. The verifier itself stays here."""
    asked = {"response_type": "code", "client_id": client_id, "redirect_uri": redirect_uri, "state": state}
    if oauth.scopes:
        asked["scope"] = " ".join(oauth.scopes)
    if oauth.uses_pkce:
        asked |= {"code_challenge": challenge_of(verifier), "code_challenge_method": "S256"}
    joint = "&" if urlsplit(oauth.authorize_url).query else "?"
    return f"{oauth.authorize_url}{joint}{urlencode(asked)}"


def tokens_for_code(
    oauth: OAuth, settings: Mapping[str, Any], wire: Wire, *, code: str, redirect_uri: str, verifier: str
) -> dict[str, Any]:
    """What the code is worth. Raises ``Misconfigured`` with the endpoint's reason, or ``Retry``."""
    asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if oauth.uses_pkce:
        asked["code_verifier"] = verifier
    return _ask(oauth, settings, wire, asked)


def revoke(oauth: OAuth, settings: Mapping[str, Any], wire: Wire) -> None:
    """Withdraw what was given: the refresh token, with which the others end, else the access token. One that is not known is no error.

    Raises ``Retry``, and what else the wire says.
    """
    kind = "refresh_token" if settings.get("refresh_token") else "access_token"
    form = {"token": str(settings.get(kind) or ""), "token_type_hint": kind, **_client(settings)}
    if oauth.revoke_url and form["token"]:
        wire.call("POST", oauth.revoke_url, headers=FORM, content=urlencode(form).encode(), expect=(400, 404))


class SignedIn:
    """Calls with the access token of a connection. A refused token is renewed once, for all workers."""

    def __init__(self, oauth: OAuth, settings: Mapping[str, Any], wire: Wire) -> None:
        self._oauth = oauth
        self._settings = settings
        self._wire = wire
        self.held: Mapping[str, Any] = settings

    def call(self, method: str, url: Callable[[Mapping[str, Any]], str], **options: Any) -> Answer:
        """As ``Wire.call``; ``url`` makes the address from what is held, because a renewal may move it."""
        token = self._token()
        answer = self._call(token, method, url, **options)
        if answer.status == 401:
            self.held = self._wire.renew({"access_token": token}, self._renewed)
            answer = self._call(self._token(), method, url, **options)
        if answer.status == 401:
            raise Misconfigured(_("%(system)s refuses the token that it has just given.") % {"system": self._oauth.label})
        return answer

    def _call(self, token: str, method: str, url: Callable[[Mapping[str, Any]], str], **options: Any) -> Answer:
        headers = {**(options.pop("headers", None) or {}), "Authorization": f"Bearer {token}"}
        return self._wire.call(method, url(self.held), headers=headers, expect={401, *options.pop("expect", ())}, **options)

    def _token(self) -> str:
        token = str(self.held.get("access_token") or "")
        if not token:
            raise Misconfigured(_("Nobody has signed in at %(system)s yet.") % {"system": self._oauth.label})
        return token

    def _renewed(self, held: Mapping[str, Any]) -> dict[str, Any]:
        if not held.get("refresh_token"):
            raise Misconfigured(_ended(self._oauth))
        asked = {"grant_type": "refresh_token", "refresh_token": str(held["refresh_token"])}
        return _ask(self._oauth, {**self._settings, **held}, self._wire, asked)


def _ask(oauth: OAuth, settings: Mapping[str, Any], wire: Wire, asked: Mapping[str, str]) -> dict[str, Any]:
    """One question to the token endpoint: what of its answer is kept."""
    content = urlencode({**asked, **_client(settings)}).encode()
    answer = wire.call("POST", oauth.token_url, headers=FORM, content=content, expect=(400, 401, 403))
    try:
        said = json.loads(answer.content)
    except (ValueError, RecursionError):
        said = None
    if answer.status >= 400:
        raise Misconfigured(_refusal(oauth, said if isinstance(said, dict) else {}, asked["grant_type"]))
    if not isinstance(said, dict) or not isinstance(said.get("access_token"), str) or not said["access_token"]:
        raise Retry(_("%(system)s answers without a token.") % {"system": oauth.label})
    kept = ("access_token", "refresh_token", *oauth.keeps)
    tokens = {name: said[name] for name in kept if isinstance(said.get(name), str) and 0 < len(said[name]) <= LONGEST}
    if (account := oauth.account_of(said)) and len(account) <= LONGEST:
        tokens["signed_in_account"] = account
    return tokens


def _client(settings: Mapping[str, Any]) -> dict[str, str]:
    """Who asks: the id, and the secret where the app has one."""
    said = {name: str(settings.get(name) or "") for name in ("client_id", "client_secret")}
    return said if said["client_secret"] else {"client_id": said["client_id"]}


def _refusal(oauth: OAuth, said: Mapping[str, Any], grant: str) -> str:
    reason = str(said.get("error") or "")
    if grant == "refresh_token" and reason in ("invalid_grant", ""):
        return _ended(oauth)
    if reason in ("invalid_client", "invalid_client_id", "unauthorized_client"):
        return _("%(system)s does not know the client id, or its secret is another one.") % {"system": oauth.label}
    words = str(said.get("error_description") or said.get("message") or reason)[:120]
    return _("%(system)s refuses the sign-in: %(reason)s") % {"system": oauth.label, "reason": words or "—"}


def _ended(oauth: OAuth) -> str:
    return _("The permission at %(system)s has ended or was withdrawn. Connect again.") % {"system": oauth.label}
