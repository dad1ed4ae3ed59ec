"""Meta's Graph API: one call, and what its refusals mean for a message."""

import json as jsonlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from django.utils.translation import gettext as _

from inbox.adapters import DeliveryError, MediaGone, OutcomeUnknown
from integrations import http_client
from integrations.meta.failures import Failure, failure_for

# A provider that has not answered after this long may have taken the message all the same.
SEND_TIMEOUT = httpx.Timeout(20, connect=5)
UPLOAD_TIMEOUT = httpx.Timeout(60, connect=5)


@dataclass(frozen=True)
class GraphApi:
    """One account's door. ``base`` names host and version; ``texts`` says what a code means on this channel."""

    base: str
    token: str
    texts: Mapping[int, Failure]

    def send(self, path: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Hand a message over. Raises ``DeliveryError`` where it was not taken, ``OutcomeUnknown`` where nobody can tell."""
        try:
            answer = http_client.request(
                "POST", self._url(path), headers=self._headers(), json=payload, timeout=SEND_TIMEOUT, follow_redirects=False
            )
        except http_client.NotSent as error:
            raise self._unreachable(error) from error
        except http_client.HttpError as error:
            raise OutcomeUnknown(str(error)) from error
        said = _json(answer)
        if answer.status < 300:
            if not said:
                raise OutcomeUnknown(f"the answer {answer.status} cannot be read")
            return said
        if not _error(said) and answer.status >= 500 and answer.status != 503:
            # A gateway in between gave up: the message may have passed it.
            raise OutcomeUnknown(f"the answer is {answer.status}")
        raise self.refusal(answer)

    def upload(self, path: str, *, fields: Mapping[str, str], name: str, content: bytes, content_type: str) -> dict[str, Any]:
        """Put a file up that a message will name. Nothing is sent by that, so a failure may be tried again."""
        try:
            answer = http_client.request(
                "POST",
                self._url(path),
                headers=self._headers(),
                data=fields,
                files={"file": (name, content, content_type)},
                timeout=UPLOAD_TIMEOUT,
                deadline=180,
                follow_redirects=False,
            )
        except http_client.HttpError as error:
            raise self._unreachable(error) from error
        said = _json(answer)
        if answer.status >= 300 or not said:
            raise self.refusal(answer)
        return said

    def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Read an object. Raises ``DeliveryError``."""
        try:
            answer = http_client.request("GET", self._url(path), headers=self._headers(), params=params)
        except http_client.HttpError as error:
            raise self._unreachable(error) from error
        said = _json(answer)
        if answer.status >= 300 or not said:
            raise self.refusal(answer)
        return said

    def problems_with(self, own_id: str, *, fields: str) -> list[str]:
        """Whether the token opens the channel's own object (its number, its account); what does not work, in words."""
        try:
            self.get(own_id, {"fields": fields})
        except DeliveryError as error:
            if error.code == "100":
                return [
                    _("The token does not know the id %(id)s. Check the id, and that the token is of the same account.") % {"id": own_id}
                ]
            return [error.text]
        return []

    def download(self, url: str, *, max_bytes: int, with_token: bool) -> http_client.Answer:
        """A file's bytes. Raises ``MediaGone`` where it is no longer there or too large, ``HttpError`` where another try may help."""
        try:
            answer = http_client.request("GET", url, headers=self._headers() if with_token else {}, max_bytes=max_bytes, deadline=120)
        except (http_client.AnswerTooLarge, http_client.RefusedAddress) as error:
            raise MediaGone(str(error)) from error
        if answer.status in (400, 403, 404, 410):
            raise MediaGone(f"the provider answers {answer.status}")
        if answer.status >= 300:
            raise http_client.NoAnswer(f"the provider answers {answer.status}")
        return answer

    def refusal(self, answer: http_client.Answer) -> DeliveryError:
        """What an error answer means: the code's own meaning on this channel, else by the kind of status."""
        error = _error(_json(answer))
        subcode, code = error.get("error_subcode"), error.get("code")
        if isinstance(subcode, int) and subcode in self.texts:
            code = subcode
        data = error.get("error_data")
        details = data.get("details") if isinstance(data, dict) else ""
        return failure_for(
            self.texts,
            code=code if isinstance(code, int) else None,
            details=str(details or error.get("message") or ""),
            status=answer.status,
            is_transient=error.get("is_transient") is True,
            retry_after=_seconds(answer.headers.get("retry-after", "")),
        )

    def _unreachable(self, error: Exception) -> DeliveryError:
        permanent = isinstance(error, http_client.RefusedAddress)
        return failure_for(self.texts, code=None, details=str(error), status=None, is_transient=not permanent)

    def _url(self, path: str) -> str:
        return f"{self.base.rstrip('/')}/{path}"

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def _json(answer: http_client.Answer) -> dict[str, Any]:
    try:
        said = jsonlib.loads(answer.content)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _error(said: dict[str, Any]) -> dict[str, Any]:
    error = said.get("error")
    return error if isinstance(error, dict) else {}


def _seconds(header: str) -> float | None:
    return float(header) if header.isdigit() else None
