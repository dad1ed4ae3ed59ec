"""The portal's own languages: one more than the workspace has."""

from collections.abc import Iterable

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation.trans_real import parse_accept_lang_header

from consent.models import Preference
from consent.portal.reach import Reach


def languages() -> dict[str, str]:
    """Code → name in that language, in the order of the switch."""
    return dict(settings.PORTAL_LANGUAGES)


def language_for(request: HttpRequest, *, chosen: str, preferred: str, fallback: str) -> str:
    """What was chosen by the switch, else the person's preference, else what the browser asks for, else the account's own."""
    wanted = [chosen, preferred, *_accepted(request.headers.get("Accept-Language", "")), fallback]
    return next((code for code in wanted if code in languages()), "es")


def preferred_language(reach: Reach) -> str:
    """The language that was set last for one of the visitor's profiles; empty where none was. One query."""
    rows = Preference.scoped().filter(profile__in=reach.profile_ids).exclude(language="").order_by("-updated_at")
    return rows.values_list("language", flat=True).first() or ""


def _accepted(header: str) -> Iterable[str]:
    return (code.partition("-")[0] for code, _quality in parse_accept_lang_header(header.lower()))
