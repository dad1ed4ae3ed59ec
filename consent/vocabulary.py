"""The words of consent: what may happen to it, what the gate answers, and why. They are data in tables, so they never change."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class PurposeClass(models.TextChoices):
    """What kind of message a purpose sends; the rules ask for the class, people choose the purpose."""

    MARKETING = "marketing", _("Marketing")
    UTILITY = "utility", _("Notices about an order or appointment")
    SERVICE = "service", _("Service")
    AUTHENTICATION = "authentication", _("One-time codes")
    LEGAL = "legal", _("Legal duty")


class Action(models.TextChoices):
    """What an event of the ledger says about one contact point."""

    GRANT = "grant", _("Agreed")
    REQUEST = "request", _("Asked to confirm")
    SOFT_OPT_IN = "soft_opt_in", _("Bought something like it")
    WITHDRAW = "withdraw", _("Withdrew")
    OBJECT = "object", _("Objected")
    STOP = "stop", _("Wrote a stop word")
    SUPPRESS = "suppress", _("Suppressed")
    PLATFORM_STOP = "platform_stop", _("Stopped on the platform")
    PLATFORM_RESUME = "platform_resume", _("Resumed on the platform")
    RECYCLE = "recycle", _("Somebody else has the number now")
    RETRACT = "retract", _("Taken back: an agent's slip")


# What makes a point stricter: anybody's word counts, and a grant has to be later and proven to lift it.
RESTRICTIONS = frozenset({Action.WITHDRAW, Action.OBJECT, Action.STOP, Action.SUPPRESS, Action.PLATFORM_STOP})


class State(models.TextChoices):
    """What holds at one point for one purpose on one channel, the strictest first."""

    SUPPRESSED = "suppressed", _("Suppressed")
    OBJECTED = "objected", _("Objected")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    PENDING = "pending", _("Waiting for confirmation")
    NONE = "none", _("Never asked")
    GRANTED = "granted", _("Granted")


class Basis(models.TextChoices):
    """The legal ground of a grant."""

    CONSENT = "consent", _("Consent")
    CONTRACT = "contract", _("Contract")
    LEGITIMATE_INTEREST = "legitimate_interest", _("Legitimate interest")
    LEGAL_DUTY = "legal_duty", _("Legal duty")


class Origin(models.TextChoices):
    """The way by which an event came."""

    MESSAGE = "message", _("Message")
    PLATFORM = "platform", _("The channel's platform")
    ONE_CLICK = "one_click", _("Unsubscribe link")
    MAILTO = "mailto", _("Unsubscribe mail")
    CONFIRMATION = "confirmation", _("Confirmation link")
    PORTAL = "portal", _("Portal")
    WEBCHAT = "webchat", _("Web chat")
    FORM = "form", _("Form")
    AGENT = "agent", _("Agent")
    API = "api", _("API")
    IMPORT = "import", _("Import")
    BOUNCE = "bounce", _("Bounce")
    SYSTEM = "system", _("System")


# Doors at which anybody can type anybody's address: without proof of possession they change nothing that holds.
TYPED = frozenset({Origin.PORTAL, Origin.WEBCHAT, Origin.FORM})


class SuppressionReason(models.TextChoices):
    ERASED = "erased", _("Erased at the person's request")
    COMPLAINT = "complaint", _("Reported as spam")
    WRONG_PERSON = "wrong_person", _("Somebody else's address")
    HARD_BOUNCE = "hard_bounce", _("The mailbox does not exist")
    BLOCKED = "blocked", _("Blocked by the team")
    REGISTRY = "registry", _("On the do-not-call registry")  # forbids promotions only


class Verdict(models.TextChoices):
    """What the gate says; DENY beats CONVERT beats DEFER beats ALLOW."""

    ALLOW = "allow", _("Allowed")
    DEFER = "defer", _("Allowed later")
    CONVERT = "convert", _("Allowed as a template")
    DENY = "deny", _("Not allowed")


class Category(models.TextChoices):
    """What a message says, as far as it is known; empty where nobody looked."""

    PROMOTIONAL = "promotional", _("Promotional")
    STOP_CONFIRMATION = "stop_confirmation", _("Confirmation of a stop word")
    OPT_IN_REQUEST = "opt_in_request", _("Request to confirm")


class Reason(models.TextChoices):
    """Why the gate answers what it answers; the numbers are rows of the decision table in docs/consent.md."""

    GATE_UNAVAILABLE = "gate_unavailable", _("The rules could not be checked")  # 1
    SUPPRESSED = "suppressed", _("This address is suppressed")  # 2
    STOPPED = "stopped", _("This number asked to stop all messages")  # 3
    WITHDRAWN = "withdrawn", _("They do not want this kind of message")  # 4
    PLATFORM_OPT_OUT = "platform_opt_out", _("They stopped promotions on the platform")  # 5
    NO_CONSENT = "no_consent", _("They have not agreed to this")  # 6
    SOFT_OPT_IN = "soft_opt_in", _("A customer, of something like it")  # 7
    REGISTRY = "registry", _("The do-not-call registry forbids it, or our copy is too old")  # 8
    TEMPLATE_REQUIRED = "template_required", _("Only a template may leave")  # 9
    HUMAN_AGENT_TAG = "human_agent_tag", _("Only a person may answer")  # 10
    WINDOW_CLOSED = "window_closed", _("Too much time has passed since their last message")  # 10
    NEVER_WROTE = "never_wrote", _("They never wrote on this channel")  # 10
    CATEGORY_MISMATCH = "category_mismatch", _("A promotion may not leave as a notice")  # 11
    PAUSED = "paused", _("They asked for a pause")  # 12
    QUIET_HOURS = "quiet_hours", _("It is not a time to write")  # 12
    HOLIDAY = "holiday", _("It is a holiday there")  # 12
    CAP = "cap", _("They have had enough messages for now")  # 13
    OBLIGATION = "obligation", _("The unsubscribe header or the postal address is missing")  # 14
    SERVICE_REPLY = "service_reply", _("An answer to their message")  # 15
    CODE_ASKED_FOR = "code_asked_for", _("A code that was asked for")  # 16
    ALLOWED = "allowed", _("Nothing speaks against it")
