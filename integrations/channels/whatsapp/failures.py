"""WhatsApp's own error codes, https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes."""

from django.utils.translation import gettext_lazy as _

from integrations.meta.failures import DAY, GRAPH, HOUR, MINUTE, Failure

WINDOW_CLOSED = 131047
STOPPED_MARKETING = 131050

WHATSAPP: dict[int, Failure] = {
    80007: Failure(_("WhatsApp's limit of messages is reached."), permanent=False, retry_after=10 * MINUTE),
    130429: Failure(_("WhatsApp's limit of messages per second is reached."), permanent=False, retry_after=MINUTE),
    130472: Failure(_("WhatsApp holds this message back: the person is part of an experiment.")),
    131000: Failure(_("WhatsApp had a problem."), permanent=False, retry_after=MINUTE),
    131005: GRAPH[10],
    131008: Failure(_("A value is missing that WhatsApp needs.")),
    131009: Failure(_("WhatsApp does not accept a value of this message.")),
    131016: Failure(_("WhatsApp is down for a moment."), permanent=False, retry_after=5 * MINUTE),
    131021: Failure(_("A number cannot write to itself.")),
    131026: Failure(_("It cannot be delivered: the number may not have WhatsApp, or an old version of it.")),
    131030: Failure(_("This test number may only write to the recipients listed in Meta's console.")),
    131031: Failure(_("WhatsApp has locked this business account."), is_of_channel=True),
    131037: Failure(_("The number's display name is not approved yet."), is_of_channel=True),
    131042: Failure(_("WhatsApp's bill is not settled: a payment method is missing or was refused."), is_of_channel=True),
    131045: Failure(_("The number is not registered with WhatsApp yet."), is_of_channel=True),
    WINDOW_CLOSED: Failure(_("More than 24 hours have passed since the person wrote. Only a template may be sent now.")),
    131048: Failure(_("WhatsApp limits this number because too many messages were marked as spam."), permanent=False, retry_after=6 * HOUR),
    131049: Failure(
        _("WhatsApp did not deliver it: this person has had enough marketing for now."),
        permanent=False,
        retry_after=DAY,
    ),
    STOPPED_MARKETING: Failure(_("The person has stopped marketing messages from this business.")),
    131051: Failure(_("WhatsApp does not support this kind of message.")),
    131052: Failure(_("The file could not be downloaded.")),
    131053: Failure(_("WhatsApp does not accept this file.")),
    131055: Failure(_("WhatsApp does not support this kind of message.")),
    131056: Failure(_("Too many messages to this person in a short time."), permanent=False, retry_after=MINUTE),
    131057: Failure(_("The account is under maintenance."), permanent=False, retry_after=HOUR),
    132000: Failure(_("The template needs another number of values.")),
    132001: Failure(_("This template does not exist in this language, or is not approved.")),
    132005: Failure(_("The template's text is too long with these values.")),
    132007: Failure(_("The template breaks WhatsApp's rules.")),
    132012: Failure(_("A value does not fit the template.")),
    132015: Failure(_("WhatsApp has paused this template because of its poor quality.")),
    132016: Failure(_("WhatsApp has disabled this template because of its poor quality.")),
    133004: Failure(_("WhatsApp is down for a moment."), permanent=False, retry_after=5 * MINUTE),
    133010: Failure(_("The number is not registered with WhatsApp yet."), is_of_channel=True),
    135000: Failure(_("WhatsApp had a problem with this message.")),
}
