"""What each country's law says, as data: shipped rows, and an account's corrections in their place.

Names and their values (``null``: the country has no such thing):

- ``members``: countries that share the rows of this one (EU).
- ``zones``: the country's time zones. Where a point's zone is unknown, a time must suit all of them.
- ``quiet_hours``: ``{"allowed": {"mon": ["09:00", "20:00"], …, "sun": null}, "holidays": true}``: local hours in which one may
  write, end excluded; ``null`` for a day on which one may not; ``holidays`` whether a holiday is such a day.
- ``holidays``: dates, ISO 8601.
- ``registry``: ``{"name", "max_age_days", "channels", "classes"}``: the do-not-call list to be consulted, and how old a copy may be.
- ``soft_opt_in``: ``{"channels", "similar_only"}``: where customers may be written to about similar products without a grant.
- ``consent_expiry``: ``{"days"}``: how long a grant counts.
- ``request_due``: kind of request → ``{"days"}`` or ``{"working_days"}``.
- ``platform_ban``: ``[{"channel", "classes"}]``: what the platform does not deliver to the country.
"""

import json
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record as audit
from accounts.roles import Ability, require
from consent.models import CountryRule, CountryRuleCorrection

SHIPPED = Path(__file__).parent / "data" / "country_rules.json"
NAMES = frozenset(
    {"members", "zones", "quiet_hours", "holidays", "registry", "soft_opt_in", "consent_expiry", "request_due", "platform_ban"}
)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class Rules:
    """The rules of one country, corrections included. A name that is missing was never stated: the gate fails closed."""

    country: str
    values: dict[str, Any] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @cached_property
    def holidays(self) -> frozenset[date]:
        return frozenset(date.fromisoformat(day) for day in self.values.get("holidays") or ())

    @cached_property
    def zones(self) -> tuple[ZoneInfo, ...]:
        return tuple(ZoneInfo(name) for name in self.values["zones"])


def load_shipped(*, using: str = DEFAULT_DB_ALIAS, **_kwargs: Any) -> None:
    """Listener of ``post_migrate``: bring the table in line with the file. The web role may not write it and is not asked."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_tables WHERE tablename = 'consent_countryrule' AND pg_has_role(current_user, tableowner, 'MEMBER')"
        )
        if not cursor.fetchone()[0]:
            return
    rows = json.loads(SHIPPED.read_text())
    shipped = [CountryRule(**{**row, "checked_on": row["checked_on"] and date.fromisoformat(row["checked_on"])}) for row in rows]
    with transaction.atomic(using=using):
        CountryRule.objects.using(using).bulk_create(
            shipped,
            update_conflicts=True,
            unique_fields=["country", "name"],
            update_fields=["value", "source", "url", "checked_on", "needs_counsel"],
        )
        for rule in CountryRule.objects.using(using):
            if (rule.country, rule.name) not in {(row.country, row.name) for row in shipped}:
                rule.delete()


def gather(shipped: list[tuple[str, str, Any]], corrected: list[tuple[str, str, Any]]) -> dict[str, Rules]:
    """Country → its rules. A member of a union has the union's rows where it has none of its own."""
    values: dict[str, dict[str, Any]] = {}
    for country, name, value in (*shipped, *corrected):
        values.setdefault(country, {})[name] = value
    for union in list(values.values()):
        for member in union.get("members") or ():
            values[member] = {**{name: value for name, value in union.items() if name != "members"}, **values.get(member, {})}
    return {country: Rules(country, named) for country, named in values.items()}


def all_rules() -> dict[str, Rules]:
    """The rules of every country for the account in scope. Two queries."""
    columns = ("country", "name", "value")
    return gather(list(CountryRule.objects.values_list(*columns)), list(CountryRuleCorrection.scoped().values_list(*columns)))


def rules_of(country: str) -> Rules:
    """The rules of one country for the account in scope; empty where there are none. Two queries."""
    return all_rules().get(country, Rules(country))


@transaction.atomic
def correct_rule(*, country: str, name: str, value: Any, source: str, dated: date, by: Actor) -> CountryRuleCorrection:
    """Put the account's own figure in the place of the shipped one. Raises ``ValidationError`` for a value no rule can be read from."""
    require(by, Ability.MANAGE_CONSENT)
    check_value(name, value)
    if not source.strip():
        raise ValidationError({"source": _("Say where the figure comes from.")})
    row, _new = CountryRuleCorrection.scoped().update_or_create(
        country=country.upper(),
        name=name,
        defaults={"value": value, "source": source.strip()[:300], "dated": dated, "corrected_by": by.membership},
    )
    audit(actor=by, action="country_rule.correct", target=row, country=country, name=name, source=source.strip()[:300])
    return row


@transaction.atomic
def use_shipped(*, country: str, name: str, by: Actor) -> None:
    """Take the account's own figure away again: the shipped one holds."""
    require(by, Ability.MANAGE_CONSENT)
    row = CountryRuleCorrection.scoped().filter(country=country.upper(), name=name).first()
    if row is not None:
        audit(actor=by, action="country_rule.use_shipped", target=row, country=row.country, name=name)
        row.delete()


def check_value(name: str, value: Any) -> None:
    """Raise ``ValidationError`` unless the gate can read the value."""
    if name not in NAMES:
        raise ValidationError({"name": _("There is no such rule.")})
    try:
        _READERS[name](value)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValidationError({"value": _("The value has not the form that this rule needs.")}) from error


def _read_hours(value: Any) -> None:
    for day in DAYS:
        if value["allowed"][day] is not None:
            opens, closes = (datetime.strptime(text, "%H:%M") for text in value["allowed"][day])
            if opens >= closes:
                raise ValueError(day)
    if set(value) != {"allowed", "holidays"} or not isinstance(value["holidays"], bool):
        raise ValueError(value)


def _read_zones(value: Any) -> None:
    if not value or not [ZoneInfo(name) for name in _texts(value)]:
        raise ValueError(value)


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError(value)
    return value


def _read_due(value: Any) -> None:
    for kind in ("access", "portability", "rectification", "erasure", "objection"):
        ((unit, number),) = value[kind].items()
        if unit not in ("days", "working_days") or not 0 < int(number) < 1000:
            raise ValueError(value)


def _read_registry(value: Any) -> None:
    if value is not None:
        timedelta(days=int(value["max_age_days"]))
        _texts(value["channels"])
        _texts(value["classes"])


def _read_soft(value: Any) -> None:
    if value is not None and not isinstance(value["similar_only"], bool):
        raise TypeError(value)
    _texts(value["channels"] if value is not None else [])


def _read_bans(value: Any) -> None:
    for ban in value:
        _texts([ban["channel"], *ban["classes"]])


_READERS: dict[str, Any] = {
    "members": _texts,
    "zones": _read_zones,
    "quiet_hours": _read_hours,
    "holidays": lambda value: [date.fromisoformat(day) for day in _texts(value)],
    "registry": _read_registry,
    "soft_opt_in": _read_soft,
    "consent_expiry": lambda value: timedelta(days=int(value["days"])),
    "request_due": _read_due,
    "platform_ban": _read_bans,
}
