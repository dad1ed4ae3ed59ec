"""Sentences of Django and django-allauth that people get to read, collected so that our catalogs translate them.

Their own Spanish addresses people with "usted". Our catalogs come first, so these words win; a test looks for a sentence that
its library no longer says.
"""

from django.utils.translation import gettext_noop as _

BORROWED = (
    _("The password is too similar to the %(verbose_name)s."),
    _("The email address and/or password you specified are not correct."),
    _("Please type your current password."),
    _("Too many failed login attempts. Try again later."),
    _("Be patient, you are sending too many requests."),
    _(
        "You're receiving this email because you or someone else has requested a password reset for your user account.\n"
        "It can be safely ignored if you did not request a password reset. Click the link below to reset your password."
    ),
    _(
        "You are receiving this email because you, or someone else, tried to access an account with email %(email)s. "
        "However, we do not have any record of such an account in our database."
    ),
    _("This mail can be safely ignored if you did not initiate this action."),
    _("If it was you, you can sign up for an account using the link below."),
)
