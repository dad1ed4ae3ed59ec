"""What another system's refusal means, for the person who has to put it right.

What the HTTP client and some connectors say of a call that failed is brief and in English: "PATCH 422", "shop.example cannot be resolved".
A page says it in the reader's language, and leaves the answer in brackets for whoever looks after the other side. Pure.
"""

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

# Records that were put aside keep the kind of error too: "Permanent: PATCH 422".
_KIND = re.compile(r"\A(?:Permanent|Misconfigured|Retry|Stale|AlreadyThere|UnknownField|LostPlace|Warned|[A-Z]\w*Error): ")
# "PATCH 422", "POST 400 VALIDATION_ERROR", "REPORT 404".
_ANSWERED = re.compile(r"[A-Z]{3,9} (?P<status>[1-5]\d\d)(?: .*)?", re.DOTALL)
# What names something, and what is said of it. The first that fits is it.
_NAMING = (
    (
        re.compile(r"(?P<name>[\w.\-]+) is a private address.*", re.DOTALL),
        gettext_noop("%(name)s is in a private network. Whoever runs Hilo has to allow it first (HILO_OUTGOING_HTTP_ALLOW)."),
    ),
    (
        re.compile(r"(?P<name>[\w.\-]+)(?: answers too slowly|: .*(?:timed out|Timeout).*)", re.DOTALL),
        gettext_noop("%(name)s takes too long to answer."),
    ),
    (
        re.compile(r"(?P<name>[\w.\-]+)(?:: .*(?:Errno|Connect|[Dd]isconnected).*| cannot be resolved| has no address)", re.DOTALL),
        gettext_noop("%(name)s cannot be reached: is the address right, and is the system running?"),
    ),
)


def in_words(text: str) -> str:
    """One sentence in the language of the reader; a text that nobody knows stays as it is."""
    if not text:
        return ""
    text = _KIND.sub("", text)
    if found := _ANSWERED.fullmatch(text):
        return f"{answered(int(found['status']))} ({text})"
    for pattern, words in _NAMING:
        if found := pattern.fullmatch(text):
            return _(words) % found.groupdict()
    return text


def answered(status: int) -> str:
    """What an HTTP status means that is no success."""
    if status in (400, 422):
        return _("The other system does not accept these values.")
    if status == 401:
        return _("The other system does not accept the login: the key or the password is wrong, or no longer holds.")
    if status == 403:
        return _("The other system does not let this login do that: it needs more rights there.")
    if status in (404, 410):
        return _("There is nothing at this address any more.")
    if status in (409, 412, 423):
        return _("Somebody changed the record there at the same moment.")
    if status == 413:
        return _("It is too large for the other system.")
    if status == 429:
        return _("The other system wants fewer calls for a while.")
    if status >= 500:
        return _("The other system has a problem of its own.")
    if 300 <= status < 400:
        return _("The address has moved: enter the new one.")
    return _("The other system did not take it.")
