"""Whether unification suits an account, from its own figures, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

# From these shares on, a fact is worth a line.
CAME_BACK = 0.05
SEVERAL_CHANNELS = 0.03
UNRECOGNISABLE = 0.10


@dataclass(frozen=True)
class Advice:
    """One line. ``speaks_for``: a reason to switch it on; otherwise something to take care of."""

    speaks_for: bool
    text: str


def advice(figures: Mapping[str, Any]) -> list[Advice]:
    """What the figures of a preview say; nothing about an account without people."""
    people = figures.get("people", 0)
    if not people:
        return []
    lines: list[Advice] = []
    if figures["came_back"] / people >= CAME_BACK:
        share = _percent(figures["came_back"], people)
        lines.append(Advice(True, _("%(share)s wrote again after the silence that makes a new contact.") % {"share": share}))
    if figures["several_channels"] / people >= SEVERAL_CHANNELS:
        text = ngettext(
            "%(count)d person wrote on more than one channel.",
            "%(count)d people wrote on more than one channel.",
            figures["several_channels"],
        )
        lines.append(Advice(True, text % {"count": figures["several_channels"]}))
    fewer = figures["contacts_before"] - figures["contacts_after"]
    if fewer:
        share = _percent(fewer, figures["contacts_before"])
        lines.append(Advice(True, _("Reports would count %(share)s fewer contacts: each person once.") % {"share": share}))
    else:
        lines.append(Advice(False, _("Nobody would be joined today: it would only decide about what arrives.")))
    if figures["shared_count"]:
        text = ngettext(
            "%(count)d value is used by several people: it joins nobody by itself.",
            "%(count)d values are used by several people: they join nobody by themselves.",
            figures["shared_count"],
        )
        lines.append(Advice(False, text % {"count": figures["shared_count"]}))
    if figures["names_differ"]:
        text = ngettext(
            "%(count)d contact would hold two names that cannot be one person's: look at the examples.",
            "%(count)d contacts would hold two names that cannot be one person's: look at the examples.",
            figures["names_differ"],
        )
        lines.append(Advice(False, text % {"count": figures["names_differ"]}))
    if figures["unrecognisable"] / people >= UNRECOGNISABLE:
        text = ngettext(
            "%(count)d contact left neither email nor phone: it cannot be recognised on another channel.",
            "%(count)d contacts left neither email nor phone: they cannot be recognised on another channel.",
            figures["unrecognisable"],
        )
        lines.append(Advice(False, text % {"count": figures["unrecognisable"]}))
    return lines


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole
    return f"{share:.0f} %" if share >= 1 else "< 1 %"
