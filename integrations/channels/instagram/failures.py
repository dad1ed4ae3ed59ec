"""Error codes and subcodes of Instagram's send API."""

from django.utils.translation import gettext_lazy as _

from integrations.meta.failures import MINUTE, Failure

_CLOSED = Failure(_("The time to answer is over: Instagram allows answers for seven days after the person wrote."))
_GONE = Failure(_("This person cannot be written to: they blocked the account, closed theirs, or never wrote."))

INSTAGRAM: dict[int, Failure] = {
    551: _GONE,
    1545041: _GONE,
    2018001: _GONE,
    2018108: _GONE,
    2018278: _CLOSED,
    2534022: _CLOSED,
    2018065: _CLOSED,
    2534037: Failure(_("The permission to answer as a person (Human Agent) was not given to this app.")),
    2018047: Failure(_("Instagram could not fetch or does not accept this file.")),
    2534001: _GONE,
    1200: Failure(_("Instagram had a problem."), permanent=False, retry_after=MINUTE),
    2022: Failure(_("Too many messages to Instagram."), permanent=False, retry_after=5 * MINUTE),
}
