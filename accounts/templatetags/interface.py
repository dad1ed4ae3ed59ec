"""What every template may use: icons, faces, ages, fields, abilities, and the links of the settings."""

import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, FileInput, RadioSelect, Select
from django.template import Context
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.models import Account, Membership
from accounts.roles import Ability

register = template.Library()
HUES = 12


@register.simple_tag
def icon(name: str, label: str = "", size: str = "") -> SafeString:
    """An icon of ``static/icons.svg``. With ``label`` it speaks for itself; without, the text beside it does."""
    kind = f"icon {size}".strip()
    href = f"{static('icons.svg')}#{name}"
    if label:
        return format_html('<svg class="{}" role="img" aria-label="{}"><use href="{}"></use></svg>', kind, label, href)
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}"></use></svg>', kind, href)


def initials(name: str) -> str:
    """The first letters of the first and the last word; empty for a number."""
    words = [word for word in name.replace("·", " ").split() if word[0].isalpha()]
    if not words:
        return ""
    return (words[0][0] + (words[-1][0] if len(words) > 1 else words[0][1:2])).upper()


@register.simple_tag
def face(name: str, key: Any = "", size: str = "", channel: str = "") -> SafeString:
    """A round mark with initials, in a hue that stays the same for ``key`` (default: the name); ``channel`` adds its knot.

    It is decoration: the name stands beside it.
    """
    letters = initials(str(name))
    hue = zlib.crc32(str(key or name).encode()) % HUES
    inner = letters or format_html('<svg class="icon"><use href="{}#user"></use></svg>', static("icons.svg"))
    knot = format_html('<i class="knot" data-ch="{}"></i>', channel) if channel else ""
    css = " ".join(filter(None, ("face", size, "" if letters else "anonymous")))
    return format_html('<span class="{}" data-hue="{}" aria-hidden="true">{}{}</span>', css, hue, inner, knot)


def age(at: datetime, now: datetime) -> str:
    """How long ago, as short as a list needs it: now, 5 min, 3 h, yesterday, 4 Nov."""
    seconds = (now - at).total_seconds()
    if seconds < 60:
        return _("now")
    if seconds < 3600:
        return _("%d min") % (seconds // 60)
    local, today = timezone.localtime(at), timezone.localtime(now)
    if local.date() == today.date() or seconds < 12 * 3600:
        return _("%d h") % (seconds // 3600)
    if (today.date() - local.date()).days == 1:
        return _("yesterday")
    # Translators: Django's date format for a day of this year in a list, and for one of another year.
    return formats.date_format(local, _("M j") if local.year == today.year else _("M j, Y"))


@register.filter
def ago(at: datetime | None) -> SafeString | str:
    """A ``time`` element with the age; the full date is its title, and the page keeps the age fresh."""
    if at is None:
        return ""
    full = formats.date_format(timezone.localtime(at), "DATETIME_FORMAT")
    return format_html('<time datetime="{}" title="{}" data-ago>{}</time>', at.isoformat(), full, age(at, timezone.now()))


@register.filter
def clock(at: datetime | None) -> SafeString | str:
    """A ``time`` element with hours and minutes; the full date is its title."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    full = formats.date_format(local, "DATETIME_FORMAT")
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), full, local.strftime("%H:%M"))


@register.simple_tag(takes_context=True)
def may(context: Context, ability: str) -> bool:
    """Whether the member who looks at the page has the ability: ``{% may "manage_channels" as allowed %}``."""
    membership: Membership | None = context.get("membership")
    return membership is not None and membership.may(Ability(ability))


@register.inclusion_tag("partials/field.html")
def field(bound: BoundField, label: str = "", help: str | None = None, **attrs: Any) -> dict[str, Any]:
    """One field of a form with label, help and errors.

    ``help=""`` leaves the form's help out; further arguments become attributes of the widget (``autofocus=True``).
    """
    widget = bound.field.widget
    is_check = isinstance(widget, CheckboxInput)
    is_group = isinstance(widget, RadioSelect | CheckboxSelectMultiple) or getattr(widget, "is_group", False)
    help_text = bound.help_text if help is None else help
    described = [f"{bound.auto_id}_{part}" for part, there in (("helptext", help_text), ("error", bound.errors)) if there]
    if described and not is_group:
        attrs["aria-describedby"] = " ".join(described)
    if widget.attrs.get("placeholder") == bound.label:
        attrs.setdefault("placeholder", "")
    if not is_check and not is_group and not isinstance(widget, FileInput):
        attrs["class"] = f"input {widget.attrs.get('class', '')}".strip()
    return {
        "bound": bound,
        "label": label or bound.label,
        "help": help_text,
        "widget": bound.as_widget(attrs={name.replace("_", "-"): value for name, value in attrs.items()}),
        "is_check": is_check,
        "is_group": is_group,
        # A choice among a few is always made.
        "is_optional": not bound.field.required and not is_check and not isinstance(widget, Select),
    }


@dataclass(frozen=True)
class Link:
    """One entry of the settings' navigation."""

    url: str
    label: str
    icon: str
    current: bool
    # The heading under which it stands; empty for the first ones.
    group: str = ""


@register.simple_tag(takes_context=True)
def settings_links(context: Context) -> list[Link]:
    """The pages of the settings that exist and that the member may open, in their order, those of a group together."""
    account: Account | None = context.get("account")
    membership: Membership | None = context.get("membership")
    pages: list[tuple[str, str, str, Ability | None]] = [
        ("accounts:settings", _("Account"), "building-2", Ability.MANAGE_ACCOUNT),
        ("contacts:unification", _("Unification"), "merge", Ability.MANAGE_ACCOUNT),
        ("contacts:deduplication", _("Duplicates"), "search", Ability.MERGE_CONTACTS),
        ("contacts:survivorship", _("Which value wins"), "check-check", Ability.MANAGE_ACCOUNT),
        ("integrations:channels", _("Channels"), "plug", Ability.MANAGE_CHANNELS),
        ("integrations:connections", _("Connections"), "link", Ability.MANAGE_CHANNELS),
        ("integrations:webhooks", _("Webhooks"), "webhook", Ability.MANAGE_ACCOUNT),
        ("integrations:customer_data", _("Customer data"), "mouse-pointer-click", Ability.MANAGE_ACCOUNT),
        ("accounts:members", _("People"), "users-round", Ability.MANAGE_MEMBERS),
        ("accounts:tokens", _("API tokens"), "key-round", Ability.MANAGE_ACCOUNT),
        ("accounts:audit", _("Audit"), "scroll-text", Ability.READ_AUDIT),
    ]
    consent: list[tuple[str, str, str, Ability | None]] = [
        ("consent:purposes", _("Purposes and notices"), "tag", Ability.MANAGE_CONSENT),
        ("consent:sending-rules", _("Rules of sending"), "send-horizontal", Ability.MANAGE_CONSENT),
        ("consent:ledger", _("Consent ledger"), "history", Ability.MANAGE_CONSENT),
        ("consent:country-rules", _("Country rules"), "map-pin", Ability.MANAGE_CONSENT),
        ("consent:registries", _("Do-not-call registries"), "ban", Ability.MANAGE_CONSENT),
        ("consent:portal", _("Customer portal"), "globe", Ability.MANAGE_CONSENT),
        ("consent:requests", _("Rights requests"), "shield-check", Ability.MANAGE_CONSENT),
        ("consent:retention", _("Retention"), "clock", Ability.MANAGE_CONSENT),
        ("contacts:masking", _("Masking"), "eye-off", Ability.MANAGE_CONSENT),
    ]
    found = []
    if account is not None and membership is not None:
        for group, members in (("", pages), (_("Consent"), consent)):
            for name, label, picture, ability in members:
                url = _url(name, account.slug)
                if url and (ability is None or membership.may(ability)):
                    found.append(Link(url, label, picture, _is_here(context, url), group))
    return found


def _url(name: str, *args: Any) -> str:
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def _is_here(context: Context, url: str) -> bool:
    request = context.get("request")
    return request is not None and request.path.startswith(url)


@register.simple_tag
def words() -> dict[str, str]:
    """What scripts say, in the language of the page, and where the login page is."""
    return {
        "now": _("now"),
        "minutes": _("%d min"),
        "hours": _("%d h"),
        "failed": _("That did not work. Try again in a moment."),
        "offline": _("No connection. What you write stays here."),
        "forbidden": _("Your role does not allow this."),
        "busy": _("Somebody else was faster. Nothing was changed: try again."),
        "gone": _("That is no longer there."),
        "dismiss": _("Dismiss"),
        "copied": _("Copied"),
        "login_url": reverse("account_login"),
    }
