"""What the account says by itself in every message that owes it: who writes, how to stop it, where people choose for themselves."""

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.models import Account
from consent.models import GatePolicy
from consent.preferences import preferences_of_person
from contacts.models import Profile


def portal_url(account: Account) -> str:
    """The entrance of the account's customer portal."""
    return settings.PUBLIC_URL.rstrip("/") + reverse("portal:home", args=[account.slug])


def language_for(profile: Profile, *, account: Account, written: str = "") -> str:
    """What the person chose, else the language they wrote in, else the account's own. One query."""
    known = dict(settings.PORTAL_LANGUAGES)
    wanted = (preferences_of_person(profile).language, written, account.language)
    return next((code for code in wanted if code in known), settings.LANGUAGE_CODE)


def help_text(*, account: Account, rules: GatePolicy, language: str) -> str:
    """The answer to a word for help: who we are, in the account's own words where it has some; how to stop; where to choose."""
    with override(language):
        facts = {"account": account.name, "link": portal_url(account)}
        who = rules.help_texts.get(language) or introduction(account)
        return f"{who}\n" + _("To get no more promotions, answer STOP. What reaches you, and your data: %(link)s") % facts


def introduction(account: Account) -> str:
    """Who we are, where the account has no words of its own; in the active language."""
    return _("This is %(account)s. Write what you need, and a person of ours answers you here.") % {"account": account.name}


def mail_footer(*, account: Account, postal_address: str, unsubscribe_url: str, language: str) -> str:
    """What stands below mail that promotes: its way out, where people choose, and from where it comes."""
    with override(language):
        lines = [
            _("To get no more of this: %(link)s") % {"link": unsubscribe_url},
            _("What reaches you, and your data: %(link)s") % {"link": portal_url(account)},
            f"{account.name} · {postal_address}",
        ]
    return "\n".join(lines)
