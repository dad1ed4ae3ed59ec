"""Every word of the widget, from the catalogs, served with its configuration."""

from django.utils.translation import gettext as _
from django.utils.translation import override


def texts(language: str) -> dict[str, str]:
    """Key → text; values in braces are filled in by the widget."""
    with override(language):
        return {
            "title": _("Chat with us"),
            "welcome": _("Write to us: we answer here."),
            "open": _("Open the chat"),
            "open_unread": _("Open the chat, new messages: {count}"),
            "close": _("Close the chat"),
            "messages": _("Messages"),
            "older": _("Show earlier messages"),
            "write": _("Write a message"),
            "send": _("Send"),
            "attach": _("Attach a picture"),
            "you": _("You:"),
            "team": _("Team"),
            "assistant": _("Automatic assistant"),
            "here": _("We answer as soon as we can"),
            "connecting": _("Connecting…"),
            "offline": _("No connection"),
            "offline_notice": _("No connection right now. What you write is kept and sent as soon as it is back."),
            "refused_chat": _("Not available"),
            "not_here": _("This chat is not available on this page."),
            "sign_in": _("Sign in to this site to use the chat."),
            "waiting": _("Waiting to be sent"),
            "uploading": _("Sending the picture…"),
            "sent": _("Sent"),
            "read": _("Read"),
            "refused": _("This message could not be sent."),
            "not_sent": _("Not sent."),
            "try_again": _("Try again"),
            "typing": _("{name} is writing…"),
            "your_details": _("Your details"),
            "form_title": _("How can we reach you?"),
            "name": _("Name"),
            "email": _("Email"),
            "phone": _("Phone"),
            "save": _("Save"),
            "later": _("Not now"),
            "form_saved": _("Saved, thank you."),
            "privacy": _("How we use your data"),
            "too_many": _("Too many tries. Wait a moment."),
            "only_pictures": _("Only pictures can be sent."),
            "too_large": _("The picture is larger than {limit} MB."),
            "file": _("File"),
            "picture": _("Picture"),
        }
