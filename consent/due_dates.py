"""By when a rights request has to be answered: the country's figure, in days or working days."""

from datetime import date, datetime, timedelta

from consent.country_rules import Rules, rules_of
from consent.models import RightsRequest

# Where a country states nothing, the strictest of the shipped figures.
UNSTATED = {"working_days": 5}


def due_at(*, kind: RightsRequest.Kind, country: str, received_at: datetime) -> datetime:
    """The instant, at the same time of day, by which the request of the kind must be answered. Two queries."""
    rules = rules_of(country)
    stated = (rules.values.get("request_due") or {}).get(str(kind)) or UNSTATED
    if "days" in stated:
        return received_at + timedelta(days=int(stated["days"]))
    return received_at + timedelta(days=_working_days(received_at.date(), int(stated["working_days"]), rules))


def _working_days(start: date, count: int, rules: Rules) -> int:
    """How many days pass until so many working days are over; the day itself does not count."""
    passed = 0
    while count:
        passed += 1
        day = start + timedelta(days=passed)
        count -= day.weekday() < 5 and day not in rules.holidays
    return passed
