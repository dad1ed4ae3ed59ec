"""Country rules in words: what a rule is, what its figure says, and what changing it changes."""

from collections.abc import Callable, Iterable
from typing import Any

from babel import Locale
from django.utils import formats
from django.utils.dateparse import parse_date
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from consent.portal.channels import channel_name
from consent.vocabulary import PurposeClass

# Name → what it is called, and what changing it does.
RULES = {
    "quiet_hours": (
        gettext_lazy("Hours in which one may write"),
        gettext_lazy("Promotions and notices outside these hours wait for the next one. Answers and codes go at once."),
    ),
    "holidays": (
        gettext_lazy("Holidays"),
        gettext_lazy("Where the hours say so, nothing but answers and codes leaves on these days."),
    ),
    "zones": (
        gettext_lazy("Time zones"),
        gettext_lazy("Whose zone nobody knows is written to only when the hour suits all of them."),
    ),
    "registry": (
        gettext_lazy("Do-not-call registry"),
        gettext_lazy("Without a copy that is fresh enough, the messages it is about do not leave."),
    ),
    "soft_opt_in": (
        gettext_lazy("Customers without a yes"),
        gettext_lazy("Whoever bought something may be written to about similar things, until they say no. Without it a yes is needed."),
    ),
    "consent_expiry": (
        gettext_lazy("How long a yes counts"),
        gettext_lazy("Older ones count no more. A purpose may set less, never more."),
    ),
    "request_due": (
        gettext_lazy("Answers to rights requests"),
        gettext_lazy("New requests are due by it; those that wait keep their day."),
    ),
    "platform_ban": (gettext_lazy("What platforms do not deliver"), gettext_lazy("Such messages are refused at once, with the reason.")),
    "members": (gettext_lazy("Countries that share these rules"), gettext_lazy("Each has its own figure where it states one.")),
}
DAYS = {
    "mon": gettext_lazy("Mon"),
    "tue": gettext_lazy("Tue"),
    "wed": gettext_lazy("Wed"),
    "thu": gettext_lazy("Thu"),
    "fri": gettext_lazy("Fri"),
    "sat": gettext_lazy("Sat"),
    "sun": gettext_lazy("Sun"),
}
KINDS = {
    "access": gettext_lazy("access"),
    "portability": gettext_lazy("portability"),
    "rectification": gettext_lazy("rectification"),
    "erasure": gettext_lazy("erasure"),
    "objection": gettext_lazy("objection"),
}


def country_name(code: str) -> str:
    """The country of a two-letter code in the language of the reader; a code that is none stays as it is."""
    return str(Locale.parse((get_language() or "en").replace("-", "_")).territories.get(code.upper(), code))


def channel_names(kinds: Iterable[str]) -> str:
    """Kinds of channel in words: "SMS, phone call"."""
    return ", ".join(channel_name(kind) for kind in kinds)


def in_words(name: str, value: Any) -> list[str]:
    """The figure as lines that anybody reads; what cannot be read that way is shown as it is."""
    if value is None or value == []:
        return [_("The country has none")]
    try:
        return _WORDS[name](value)
    except (KeyError, TypeError, ValueError):
        return [str(value)]


def _hours(value: Any) -> list[str]:
    closed = _("not at all")

    def said(day: str) -> str:
        times = value["allowed"][day]
        return f"{DAYS[day]}: {times[0]}–{times[1]}" if times else f"{DAYS[day]}: {closed}"

    return [*(said(day) for day in DAYS), _("not on holidays") if value["holidays"] else _("on holidays too")]


def _dates(value: Any) -> list[str]:
    days = [day for text in value if (day := parse_date(text))]
    return [", ".join(formats.date_format(day, "SHORT_DATE_FORMAT") for day in days)]


def _registry(value: Any) -> list[str]:
    return [
        str(value["name"]),
        _("A copy of at most %(days)s days, for: %(channels)s")
        % {"days": value["max_age_days"], "channels": channel_names(value["channels"])},
    ]


def _soft(value: Any) -> list[str]:
    what = _("about similar things only") if value["similar_only"] else _("about anything")
    return [_("By %(channels)s, %(what)s") % {"channels": channel_names(value["channels"]), "what": what}]


def _due(value: Any) -> list[str]:
    units = {"days": _("%(n)s days"), "working_days": _("%(n)s working days")}
    return [f"{KINDS[kind]}: {units[unit] % {'n': number}}" for kind, terms in value.items() for unit, number in terms.items()]


def _bans(value: Any) -> list[str]:
    return [f"{channel_name(ban['channel'])}: {', '.join(str(PurposeClass(each).label) for each in ban['classes'])}" for ban in value]


_WORDS: dict[str, Callable[[Any], list[str]]] = {
    "quiet_hours": _hours,
    "holidays": _dates,
    "zones": lambda value: [", ".join(value)],
    "registry": _registry,
    "soft_opt_in": _soft,
    "consent_expiry": lambda value: [_("%(n)s days") % {"n": value["days"]}],
    "request_due": _due,
    "platform_ban": _bans,
    "members": lambda value: [", ".join(country_name(code) for code in value)],
}
