"""The letter that brings somebody into an account."""

from smtplib import SMTPException

from allauth.account.app_settings import PASSWORD_RESET_TOKEN_GENERATOR
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.models import Membership, User


class LetterNotSent(Exception):
    """The mail server did not take it; the membership stands, and the letter can be sent again."""


def send_invitation(*, membership: Membership, invited_by: str) -> None:
    """Send the letter, in the person's language: with a link to choose a password, or to sign in where they have one already.

    The link holds for ``PASSWORD_RESET_TIMEOUT`` seconds and once. Call it after the commit. Raises ``LetterNotSent``.
    """
    user = membership.user
    with translation.override(user.language):
        words = {
            "account": membership.account,
            "user": user,
            "invited_by": invited_by,
            "is_new": not user.has_usable_password(),
            "link": settings.PUBLIC_URL + door_of(user),
            "days": settings.PASSWORD_RESET_TIMEOUT // 86_400,
        }
        subject = _("%(account)s invites you to Hilo") % {"account": membership.account.name}
        body = render_to_string("accounts/email/invitation.txt", words)
    try:
        send_mail(" ".join(subject.split()), body, None, [user.email])
    except (OSError, SMTPException) as error:
        raise LetterNotSent(str(error)) from error


def door_of(user: User) -> str:
    """Where somebody who was let in goes first: to choose a password, by a link that works once, or to sign in."""
    if user.has_usable_password():
        return reverse("account_login")
    key = PASSWORD_RESET_TOKEN_GENERATOR().make_token(user)
    return reverse("account_reset_password_from_key", kwargs={"uidb36": user_pk_to_url_str(user), "key": key})
