"""Time as the workspace shows it: how long somebody waits, how long a window stays open, which day it is."""

from datetime import date, datetime, timedelta

from django import template
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

register = template.Library()
# A ring is full after this long without an answer.
FULL = timedelta(hours=1)
CALM = timedelta(minutes=15)


@register.filter
def minutes_since(at: datetime) -> int:
    return int((timezone.now() - at).total_seconds() // 60)


@register.simple_tag
def waiting_ring(since: datetime) -> SafeString:
    """A ring that fills while nobody answers: calm for 15 minutes, full after an hour."""
    waited = timezone.now() - since
    mood = "calm" if waited < CALM else "soon" if waited < FULL else "late"
    filled = max(6, min(100, round(100 * waited / FULL)))
    return format_html(
        '<svg class="ring {}" viewBox="0 0 16 16" role="img" aria-label="{}" data-since="{}">'
        '<circle cx="8" cy="8" r="6"></circle><circle cx="8" cy="8" r="6" pathLength="100" stroke-dasharray="{} 100"></circle></svg>',
        mood,
        _("waits for an answer"),
        since.isoformat(),
        filled,
    )


@register.filter
def timeuntil_short(now: datetime, until: datetime) -> str:
    """From ``now`` until ``until``: 23 h 58 min, 12 min, 6 d."""
    minutes = max(0, int((until - now).total_seconds() // 60))
    days, hours, rest = minutes // 1440, minutes % 1440 // 60, minutes % 60
    if days:
        return _("%(days)d d %(hours)d h") % {"days": days, "hours": hours}
    if hours:
        return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": rest}
    return _("%d min") % rest


@register.simple_tag
def day_label(day: date) -> str:
    """Today, yesterday, or the date."""
    today = timezone.localdate()
    if day == today:
        return _("Today")
    if day == today - timedelta(days=1):
        return _("Yesterday")
    # Translators: Django's date format for a divider of the thread, this year and another year.
    return formats.date_format(day, _("l, F j") if day.year == today.year else _("F j, Y"))
