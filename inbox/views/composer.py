"""The composer: to which addresses one may write now, sending, notes, sending again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Channel
from consent.explaining import explain
from consent.gate import Reason, Verdict
from contacts.models import Identifier
from inbox import conversations, queries, sending
from inbox.message_templates import MessageTemplate, fill, template_of, templates_of
from inbox.models import Conversation, Message
from inbox.views.answers import InboxRequest, answer, conversation_or_404
from inbox.views.showing import line_of_address, show


@dataclass(frozen=True)
class Choice:
    """One line of the channel picker."""

    option: sending.SendOption
    address: str
    why: str
    templates: list[MessageTemplate]

    @property
    def value(self) -> str:
        return f"{self.option.channel.pk}:{self.option.identifier.pk}"

    @property
    def state(self) -> str:
        """allow, defer (it waits for its time), convert (a template may leave) or deny."""
        return self.option.decision.verdict.value

    @property
    def until(self) -> datetime | None:
        return self.option.decision.until

    @property
    def is_usable(self) -> bool:
        ruling = self.option.decision
        return ruling.allowed or ruling.deferred or (ruling.verdict is Verdict.CONVERT and bool(self.templates))


def composer_context(conversation: Conversation, *, chosen: str = "") -> dict[str, Any]:
    """What the composer shows; ``chosen`` names the address to start with. Four queries."""
    choices = [_choice(option) for option in sending.addresses_for(conversation)]
    selected = next((choice for choice in choices if choice.value == chosen and choice.is_usable), None)
    selected = selected or next((choice for choice in choices if choice.is_usable), None)
    return {"choices": choices, "selected": selected}


def _choice(option: sending.SendOption) -> Choice:
    templates = templates_of(option.channel) if option.decision.verdict is Verdict.CONVERT else []
    return Choice(
        option=option,
        address=line_of_address(option.identifier),
        why=_why(option, has_templates=bool(templates)),
        templates=templates,
    )


def _why(option: sending.SendOption, *, has_templates: bool) -> str:
    """The line under an address: why it is recommended, or why it is not allowed."""
    decision = option.decision
    if option.channel.sending_problem:
        return option.channel.sending_problem
    if decision.verdict is Verdict.CONVERT:
        text = _("More than 24 h since the last message: only a template")
        return text if has_templates else _("More than 24 h since the last message, and the channel has no template")
    if decision.verdict is Verdict.DENY:
        return sending.refusal_text(decision.reason)[0]
    if decision.not_before is not None:
        when = formats.date_format(timezone.localtime(decision.not_before), "SHORT_DATETIME_FORMAT")
        return _("%(reason)s: it leaves on %(when)s") % {"reason": explain(decision).lines[0], "when": when}
    if option.why == sending.Why.LAST_WROTE:
        return _("Wrote here last")
    if option.why == sending.Why.ALLOWED_NOW:
        return _("Open now")
    if decision.reason == Reason.HUMAN_AGENT_TAG:
        return _("Only a person may answer here, until the seventh day")
    return ""


@require_safe
def composer(request: InboxRequest, conversation_id: int) -> HttpResponse:
    """The composer again: windows close and addresses arrive while the page is open."""
    conversation = conversation_or_404(conversation_id)
    context = composer_context(conversation, chosen=request.GET.get("to", ""))
    return answer(request, "inbox/_composer.html", {**context, "conversation": conversation, "now": timezone.now()})


@require_POST
def write(request: InboxRequest, conversation_id: int) -> HttpResponse:
    """Send a message or leave a note; ``resolve`` closes the matter with it. 422 with the reason when it is refused."""
    conversation = conversation_or_404(conversation_id)
    try:
        if request.POST.get("mode") == "note":
            message = conversations.add_note(
                conversation=conversation,
                body=request.POST.get("body", ""),
                by=request.actor,
                files=request.FILES.getlist("files"),
                client_key=request.POST.get("client_key", ""),
            )
        else:
            message = _send(request, conversation)
    except sending.SendingRefused as refused:
        return _refuse(request, refused.text, refused.alternative, contact_id=conversation.profile.contact_id)
    except ValidationError as error:
        return _refuse(request, " ".join(error.messages))
    resolves = bool(request.POST.get("resolve"))
    if resolves:
        conversations.resolve(conversation=conversation, by=request.actor)
    conversation = conversation_or_404(conversation_id)
    entry = queries.thread_entry(conversation, message.pk)
    shown = show(entry) if entry else None
    response = answer(request, "inbox/_written.html", {"conversation": conversation, "shown": shown, "resolved": resolves})
    if resolves:
        response["HX-Trigger"] = "hilo:resolved"
    return response


def _send(request: InboxRequest, conversation: Conversation) -> Message:
    channel, identifier = _address(request.POST.get("to", ""))
    template, body = None, request.POST.get("body", "")
    if key := request.POST.get("template", ""):
        found = template_of(channel, key)
        if found is None:
            raise sending.refuse("template")
        values = [value.strip() for value in request.POST.getlist("values")][: len(found.places)]
        if len(values) < len(found.places) or not all(values):
            raise ValidationError(_("Fill in every place of the template."))
        template = {"name": found.name, "language": found.language, "parameters": values}
        body = fill(found.body, values)
    reply_to = request.POST.get("reply_to", "")
    return sending.send_message(
        conversation=conversation,
        channel=channel,
        identifier=identifier,
        body=body,
        by=request.actor,
        files=request.FILES.getlist("files"),
        template=template,
        reply_to=Message.scoped().filter(pk=reply_to, strand__conversation=conversation).first() if reply_to.isdigit() else None,
        client_key=request.POST.get("client_key") or None,
    )


def _address(value: str) -> tuple[Channel, Identifier]:
    channel_id, _colon, identifier_id = value.partition(":")
    if not (channel_id.isdecimal() and identifier_id.isdecimal() and len(value) < 36):
        raise ValidationError(_("Choose where to write to."))
    channel = Channel.scoped().filter(pk=channel_id).first()
    identifier = Identifier.scoped().filter(pk=identifier_id).first()
    if channel is None or identifier is None:
        raise sending.refuse("not_theirs")
    return channel, identifier


def _refuse(request: InboxRequest, text: str, alternative: str = "", *, contact_id: int = 0) -> HttpResponse:
    return answer(request, "inbox/_refused.html", {"text": text, "alternative": alternative, "contact_id": contact_id}, status=422)


@require_POST
def resend(request: InboxRequest, message_id: int) -> HttpResponse:
    """Send once more what failed or whose outcome is unknown."""
    message = Message.scoped().select_related("strand").filter(pk=message_id).first()
    if message is None:
        raise Http404
    error = ""
    try:
        sending.resend(message=message, by=request.actor)
    except sending.SendingRefused as refused:
        error = refused.text
    conversation = conversation_or_404(message.strand.conversation_id)
    entry = queries.thread_entry(conversation, message.pk)
    return answer(request, "inbox/_written.html", {"conversation": conversation, "shown": show(entry) if entry else None, "error": error})
