"""The details of an audit entry, as people read them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import AuditEntry, MatchingPolicy, NameConflict
from accounts.roles import Role
from accounts.setting_words import SETTING_WORDS

# What each detail is called. A test looks for one that is recorded anywhere and has no words here.
DETAIL_WORDS = {
    "cards": gettext_lazy("Cards"),
    "cause": gettext_lazy("Cause"),
    "contacts": gettext_lazy("Contacts"),
    "count": gettext_lazy("How many"),
    "decision": gettext_lazy("Decision"),
    "direction": gettext_lazy("Direction"),
    "email": gettext_lazy("Email"),
    "emptied": gettext_lazy("Contacts that were joined into it"),
    "enabled": pgettext_lazy("audit", "On"),
    "erased": gettext_lazy("Erased on request"),
    "field": gettext_lazy("Field"),
    "files": gettext_lazy("Files"),
    "policy": gettext_lazy("When both changed"),
    "format": gettext_lazy("Format"),
    "former_rule": gettext_lazy("Rule before"),
    "former": gettext_lazy("Taken from contact"),
    "hint": gettext_lazy("It begins with"),
    "kind": gettext_lazy("Kind"),
    "member": gettext_lazy("Member"),
    "messages": gettext_lazy("Messages"),
    "name": gettext_lazy("Name"),
    "new": gettext_lazy("After"),
    "old": gettext_lazy("Before"),
    "probability": gettext_lazy("Probability"),
    "problem": gettext_lazy("Problem"),
    "reason": gettext_lazy("Reason"),
    "role": gettext_lazy("Role"),
    "rule": gettext_lazy("Rule"),
    "sender": gettext_lazy("Sent"),
    "state": gettext_lazy("State"),
    "to": gettext_lazy("Assigned to"),
    "tokens_revoked": gettext_lazy("API tokens revoked"),
    "value": gettext_lazy("Value"),
    "removed": pgettext_lazy("audit", "Taken out"),
    # Of scheduled exports.
    "is_active": pgettext_lazy("audit", "On"),
    "place": pgettext_lazy("audit", "Where to"),
    "rows": gettext_lazy("Rows"),
    "tables": pgettext_lazy("audit", "What"),
    "why": gettext_lazy("Problem"),
    # Of a switch of unification.
    "contacts_before": gettext_lazy("Contacts before"),
    "contacts_after": gettext_lazy("Contacts after"),
    "joined": gettext_lazy("Joined"),
    "given_back": gettext_lazy("Given back"),
    "review": gettext_lazy("For a person to decide"),
    "failed": pgettext_lazy("audit", "Failed"),
    # Of a cleaning of contacts.
    "normalised": gettext_lazy("Identifiers read by the newest rules"),
    "visitors": gettext_lazy("Empty visitors retired"),
    "suggestions": gettext_lazy("Suggestions closed that had nothing left to ask"),
    "codes": gettext_lazy("Expired verification codes forgotten"),
    "scores": gettext_lazy("Quality scores that changed"),
}
# Numbers of rows that lead nowhere a person could go.
UNSEEN = frozenset({"card", "event", "profile", "profiles"})
# Details that hold the number of a membership.
MEMBERS = frozenset({"member", "to"})

_value_words: dict[str, dict[str, Any]] = {
    "role": dict(Role.choices),
    "name_conflict": dict(NameConflict.choices),
    "matching_policy": dict(MatchingPolicy.choices),
    "language": {"es": "Español", "en": "English"},
}
# Action → what the settings are called that it changes.
_setting_words: dict[str, Callable[[], Mapping[str, Any]]] = {"account.change": lambda: SETTING_WORDS}


def name_values(detail: str, words: Mapping[str, Any]) -> None:
    """Say how the values of a detail are called. For ``AppConfig.ready()`` of the rooms that record them."""
    _value_words.setdefault(detail, {}).update(words)


def name_settings(action: str, words: Callable[[], Mapping[str, Any]]) -> None:
    """Say what the settings are called that an action changes. For ``AppConfig.ready()``."""
    _setting_words[action] = words


def in_lines(entry: AuditEntry, *, members: Mapping[int, str]) -> list[str]:
    """The details in words, in the active language. ``members`` says who the numbers of memberships are."""
    words = _setting_words[entry.action]() if entry.action in _setting_words else {}
    return [f"{name}: {value}" for name, value in _lines(entry.detail, words, members)]


def _lines(detail: Mapping[str, Any], words: Mapping[str, Any], members: Mapping[int, str]) -> Iterator[tuple[str, str]]:
    for name, value in detail.items():
        if name in UNSEEN or value in ("", None, [], {}) or (name == "decision" and isinstance(value, int)):
            continue
        if name == "changed" and isinstance(value, dict):
            for setting, (before, after) in value.items():
                yield str(words.get(setting, setting)), f"{_value(setting, before, members)} → {_value(setting, after, members)}"
        elif name == "changed":
            yield _("Changed"), ", ".join(str(words.get(setting, setting)) for setting in value)
        elif name == "figures":
            yield from _lines({key: figure for key, figure in value.items() if key in DETAIL_WORDS and figure}, words, members)
        elif name == "role" and isinstance(value, list):
            yield str(DETAIL_WORDS[name]), " → ".join(_value(name, role, members) for role in value)
        else:
            yield str(DETAIL_WORDS.get(name, name)), _value(name, value, members)


def _value(name: str, value: Any, members: Mapping[int, str]) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(_value(name, one, members) for one in value)
    if name in MEMBERS and str(value).isdecimal():
        return members.get(int(value), str(value))
    if name == "probability" and isinstance(value, float):
        return f"{value * 100:.0f} %"
    return str(_value_words.get(name, {}).get(str(value), value)) if value not in ("", None) else "–"
