"""What Meta's error codes mean for a message: whether another try helps, when, and what the agent reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from inbox.adapters import DeliveryError

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


@dataclass(frozen=True)
class Failure:
    """The meaning of one code. ``retry_after`` is in seconds, for failures that are not permanent.

    ``is_of_channel``: not the message but the token, the number or the account is what Meta refuses.
    """

    text: Any
    permanent: bool = True
    retry_after: float | None = None
    is_of_channel: bool = False


_NO_PERMISSION = Failure(_("The access token lacks a permission. An administrator has to connect the channel again."), is_of_channel=True)
_NO_TOKEN = Failure(
    _("The access token has expired or was withdrawn. An administrator has to connect the channel again."), is_of_channel=True
)


# Codes of the Graph API itself, the same for every product.
GRAPH: dict[int, Failure] = {
    0: _NO_TOKEN,
    1: Failure(_("Meta had a problem."), permanent=False, retry_after=MINUTE),
    2: Failure(_("Meta's service is down for a moment."), permanent=False, retry_after=MINUTE),
    3: _NO_PERMISSION,
    4: Failure(_("Too many calls to Meta."), permanent=False, retry_after=5 * MINUTE),
    10: _NO_PERMISSION,
    17: Failure(_("Too many calls to Meta."), permanent=False, retry_after=5 * MINUTE),
    32: Failure(_("Too many calls to Meta."), permanent=False, retry_after=5 * MINUTE),
    100: Failure(_("Meta does not accept a value of this message.")),
    102: _NO_TOKEN,
    190: _NO_TOKEN,
    200: _NO_PERMISSION,
    299: _NO_PERMISSION,
    368: Failure(_("Meta has blocked this account for a time because of its policies."), is_of_channel=True),
    613: Failure(_("Too many calls to Meta."), permanent=False, retry_after=5 * MINUTE),
}


def failure_for(
    texts: Mapping[int, Failure],
    *,
    code: int | None,
    details: str,
    status: int | None,
    is_transient: bool = False,
    retry_after: float | None = None,
) -> DeliveryError:
    """The error that ``delivery`` decides by. ``status`` is the HTTP status, ``None`` where there was no answer."""
    failure = texts.get(code) or GRAPH.get(code) if code is not None else None
    if failure is None:
        failure = _by_status(status, is_transient)
    said = f" ({details[:300]})" if details and (failure.text is _UNKNOWN or code == 100) else ""
    return DeliveryError(
        f"{failure.text}{said}",
        permanent=failure.permanent and not is_transient,
        code=str(code) if code is not None else (f"http-{status}" if status else "unreachable"),
        retry_after=retry_after if retry_after is not None else failure.retry_after,
        is_of_channel=failure.is_of_channel,
    )


_UNKNOWN = _("The provider refused the message.")


def _by_status(status: int | None, is_transient: bool) -> Failure:
    if status is None and not is_transient:
        return Failure(_("The provider's address is not one that may be reached from here."))
    if status is None:
        return Failure(_("The provider could not be reached."), permanent=False)
    if status == 401:
        return GRAPH[190]
    if status == 429:
        return GRAPH[4]
    if status >= 500:
        return GRAPH[2]
    return Failure(_UNKNOWN, permanent=not is_transient)
