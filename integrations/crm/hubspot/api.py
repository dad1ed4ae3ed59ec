"""HubSpot's REST interface: the token, and its answers turned into the contract's errors.

A token that has expired is answered 401. Too many calls are answered 429 with the name of the limit: the one of some seconds is waited
for, the one of the day for an hour at a time. Errors name a category and codes, which administrators may see; their sentences may quote
a person's address, so they are not passed on.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

from integrations.crm.contract import Misconfigured, Permanent, Retry, Stale
from integrations.crm.oauth import OAuth, SignedIn
from integrations.crm.wire import Wire, seconds_to_wait
from integrations.http_client import Answer

# Seconds to wait where the answer does not say: by the name of the limit.
WAITS = {"DAILY": 3600.0, "TEN_SECONDLY_ROLLING": 10.0, "SECONDLY": 1.0}
CLIENT_ERRORS = range(400, 500)


class Api:
    """Calls of one connected account."""

    def __init__(self, oauth: OAuth, settings: Mapping[str, Any], wire: Wire) -> None:
        self._wire = wire
        self._url = str(settings["url"]).rstrip("/")
        self._token = str(settings.get("token") or "")
        self._signed_in = SignedIn(oauth, settings, wire)

    def get(self, path: str, *, params: Mapping[str, str] | None = None, expect: Collection[int] = ()) -> dict[str, Any] | None:
        """What the answer holds; ``None`` for a status of ``expect``."""
        answer = self.call("GET", path, params=params, expect=expect)
        return None if answer.status in expect else body_of(answer)

    def post(self, path: str, body: Any, *, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        return body_of(self.call("POST", path, params=params, json=body))

    def call(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, json: Any = None, expect: Collection[int] = ()
    ) -> Answer:
        """The answer, if its status is 2xx or one of ``expect``. Raises the errors of the contract."""
        answer = self._send(method, self._url + path, params=params, json=json, expect=CLIENT_ERRORS)
        if answer.status in expect or answer.status < 400:
            return answer
        said = _refusal(answer)
        words = f"{method} {answer.status} {_words(said)}".strip()
        if answer.status == 429:
            self._wire.wait(words, _wait(answer, said))
        if answer.status in (401, 403):
            raise Misconfigured(words)
        if answer.status in (409, 412):
            raise Stale(words)
        if answer.status in (408, 423, 425):
            raise Retry(words)
        raise Permanent(words)

    def _send(self, method: str, url: str, **options: Any) -> Answer:
        """With the token of a private app, or with the one of a sign-in, which is renewed when it ends."""
        if not self._token:
            return self._signed_in.call(method, lambda _held: url, headers={"Accept": "application/json"}, **options)
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        return self._wire.call(method, url, headers=headers, **options)


def body_of(answer: Answer) -> dict[str, Any]:
    """The object that the answer holds. Raises ``Retry`` for anything else: a proxy's page is no answer."""
    try:
        found = json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        raise Retry("HubSpot's answer is no JSON") from error
    if not isinstance(found, dict):
        raise Retry("HubSpot's answer is no object")
    return found


def _refusal(answer: Answer) -> dict[str, Any]:
    try:
        return body_of(answer)
    except Retry:
        return {}


def _words(said: Mapping[str, Any]) -> str:
    """The category of a refusal, its codes, and the scopes or properties it is about: nobody's data."""
    found = [said.get("category"), said.get("subCategory"), said.get("policyName")]
    for each in said.get("errors") or ():
        if isinstance(each, dict):
            found.append(each.get("code"))
            context = each.get("context")
            if isinstance(context, dict):
                found += [word for name in ("requiredGranularScopes", "requiredScopes", "propertyName") for word in context.get(name) or ()]
    return " ".join(dict.fromkeys(word for word in found if isinstance(word, str) and word))[:200]


def _wait(answer: Answer, said: Mapping[str, Any]) -> float:
    given = answer.headers.get("retry-after", "")
    return seconds_to_wait(given) if given else WAITS.get(str(said.get("policyName")), WAITS["TEN_SECONDLY_ROLLING"])
