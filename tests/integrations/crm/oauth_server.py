"""The authorization server of somebody else's system: keeps codes and tokens, and checks what a client must get right."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

Reply = tuple[int, dict[str, str], bytes]
# What RFC 7636 allows a verifier to be.
VERIFIER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@dataclass
class AuthorizationServer:
    """``redirect_uris`` are registered; ``more`` is said with every token. ``denies`` makes the person there say no; ``rotates`` makes
    every refresh token good for one use. ``refuses`` answers the next questions to the token endpoint with that error."""

    client_id: str = "hilo-app"
    client_secret: str = "hilo-secret"
    redirect_uris: set[str] = field(default_factory=set)
    scopes: set[str] = field(default_factory=set)
    more: dict[str, Any] = field(default_factory=dict)
    needs_pkce: bool = True
    denies: bool = False
    rotates: bool = False
    refuses: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    access: set[str] = field(default_factory=set)
    refresh: set[str] = field(default_factory=set)
    asked: list[dict[str, str]] = field(default_factory=list)
    withdrawn: list[dict[str, str]] = field(default_factory=list)

    def authorize(self, query: str) -> Reply:
        """A page where a person says yes, which links to where the client is told so. Wrong requests are refused to the person."""
        said = {name: values[0] for name, values in parse_qs(query, strict_parsing=True).items()}
        wrong = [
            name
            for name, right in {
                "client_id": said.get("client_id") == self.client_id,
                "redirect_uri": said.get("redirect_uri") in self.redirect_uris,
                "response_type": said.get("response_type") == "code",
                "scope": set(said.get("scope", "").split()) >= self.scopes,
                "state": len(said.get("state", "")) >= 20,
                "code_challenge": not self.needs_pkce or len(said.get("code_challenge", "")) == 43,
                "code_challenge_method": not self.needs_pkce or said.get("code_challenge_method") == "S256",
                "code_verifier": "code_verifier" not in said,
                "client_secret": "client_secret" not in said,
            }.items()
            if not right
        ]
        if wrong:
            return 400, {"Content-Type": "text/plain"}, f"wrong: {', '.join(wrong)}".encode()
        if self.denies:
            back = {"error": "access_denied", "error_description": "end-user denied authorization", "state": said["state"]}
        else:
            code = secrets.token_urlsafe(12)
            self.codes[code] = said
            back = {"code": code, "state": said["state"]}
        there = f"{said['redirect_uri']}?{urlencode(back)}"
        page = f'<!doctype html><title>?</title><a id="yes" href="{there.replace("&", "&amp;")}">Permitir</a>'
        return 200, {"Content-Type": "text/html"}, page.encode()

    def token(self, body: bytes) -> Reply:
        said = {name: values[0] for name, values in parse_qs(body.decode(), strict_parsing=True).items()}
        self.asked.append(said)
        if self.refuses:
            return self._error(self.refuses)
        if said.get("client_id") != self.client_id or said.get("client_secret", self.client_secret) != self.client_secret:
            return self._error("invalid_client", 401)
        match said.get("grant_type"):
            case "authorization_code":
                asked = self.codes.pop(said.get("code", ""), None)
                if asked is None or asked["redirect_uri"] != said.get("redirect_uri") or not self._proves(asked, said):
                    return self._error("invalid_grant")
            case "refresh_token":
                if said.get("refresh_token") not in self.refresh:
                    return self._error("invalid_grant")
                if self.rotates:
                    self.refresh.discard(said["refresh_token"])
            case _:
                return self._error("unsupported_grant_type")
        return self._tokens(is_first=said["grant_type"] == "authorization_code")

    def withdraw(self, body: bytes) -> Reply:
        """The endpoint of RFC 7009: with a refresh token everything given with it ends."""
        said = {name: values[0] for name, values in parse_qs(body.decode(), strict_parsing=True).items()}
        self.withdrawn.append(said)
        if said.get("client_id") != self.client_id or said.get("client_secret", self.client_secret) != self.client_secret:
            return self._error("invalid_client", 401)
        if said.get("token") not in self.refresh | self.access:
            return self._error("invalid_token")
        if said["token"] in self.refresh:
            self.revoke()
        self.access.discard(said["token"])
        return 200, {"Content-Type": "application/json"}, b""

    def expire(self) -> None:
        """Every access token ends now."""
        self.access.clear()

    def revoke(self) -> None:
        """The permission is withdrawn."""
        self.access.clear()
        self.refresh.clear()

    def lets_in(self, authorization: str) -> bool:
        return authorization.removeprefix("Bearer ") in self.access and authorization.startswith("Bearer ")

    def grant(self) -> dict[str, Any]:
        """Tokens without the dance."""
        said: dict[str, Any] = json.loads(self._tokens(is_first=True)[2])
        return said

    def _proves(self, asked: dict[str, str], said: dict[str, str]) -> bool:
        verifier = said.get("code_verifier", "")
        if not self.needs_pkce:
            return True
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        return 43 <= len(verifier) <= 128 and set(verifier) <= VERIFIER and digest == asked["code_challenge"]

    def _tokens(self, *, is_first: bool) -> Reply:
        access = secrets.token_urlsafe(16)
        self.access.add(access)
        said = {"access_token": access, "token_type": "Bearer", **self.more}
        if is_first or self.rotates:
            said["refresh_token"] = secrets.token_urlsafe(16)
            self.refresh.add(said["refresh_token"])
        return 200, {"Content-Type": "application/json"}, json.dumps(said).encode()

    def _error(self, error: str, status: int = 400) -> Reply:
        said = {"error": error, "error_description": f"{error} it is"}
        return status, {"Content-Type": "application/json"}, json.dumps(said).encode()
