"""The widget's few HTTP doors. They set no cookie and read none; only they answer other origins."""

import functools
import hashlib
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from accounts.busy import Busy
from accounts.models import Channel
from accounts.scope import account_scope
from inbox.adapters import InboundFile
from integrations.channels.webchat import limits, lines, visitors, writing
from integrations.channels.webchat.consumer import open_channel
from integrations.channels.webchat.options import LANGUAGES, Options
from integrations.channels.webchat.pictures import picture_type
from integrations.channels.webchat.texts import texts

CODE = Path(settings.BASE_DIR) / "static" / "widget"
LARGEST_PICTURE = 10_000_000  # bytes
SAFE_INLINE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})

SCRIPT = """(() => {{
  const config = {config};
  const tag = document.currentScript;
  const base = new URL("code/{version}/", tag.src).href;
  const parts = {names}.map((name) => import(`${{base}}${{name}}.js`));
  Promise.all(parts).then((modules) => modules[0].start(config, tag), (error) => console.error("Hilo:", error));
}})();
"""


@functools.cache
def modules() -> dict[str, bytes]:
    """The widget's modules by name; ``main`` first."""
    paths = sorted(CODE.glob("*.js"), key=lambda path: (path.stem != "main", path.stem))
    return {path.stem: path.read_bytes() for path in paths}


@functools.cache
def version() -> str:
    """Changes with any of the modules, so that browsers may keep them for good and never mix two versions."""
    return hashlib.sha256(b"\0".join(modules().values())).hexdigest()[:12]


def _channel_or_404(key: str) -> Channel:
    channel = open_channel(key)
    if channel is None:
        raise Http404
    return channel


def _for_pages(response: HttpResponse, *, origin: str = "*") -> HttpResponse:
    """Let pages of another origin use the answer."""
    response["Access-Control-Allow-Origin"] = origin
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    if origin != "*":
        response["Vary"] = "Origin"
    return response


@require_safe
def script(request: HttpRequest, key: str) -> HttpResponse:
    """The one script a host page names: the chat's configuration, and where its code is."""
    channel = _channel_or_404(key)
    options = Options.of(channel)
    languages = [options.language] if options.language else [name for name in LANGUAGES if name]
    config: dict[str, Any] = {
        "key": channel.key,
        "title": options.title,
        "welcome": options.welcome,
        "colour": options.colour,
        "ink": options.ink,
        "side": options.side,
        "form": options.form,
        "attachments": options.attachments,
        "max_bytes": LARGEST_PICTURE,
        "privacy_url": options.privacy_url,
        "language": options.language or channel.account.language,
        "texts": {name: texts(name) for name in languages},
    }
    body = SCRIPT.format(config=json.dumps(config), version=version(), names=json.dumps(list(modules())))
    response = HttpResponse(body, content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "public, max-age=300"
    return _for_pages(response)


@require_safe
def code(request: HttpRequest, wanted: str, name: str) -> HttpResponse:
    """One module. A page that still names an older version gets today's code, and keeps it for this visit only."""
    body = modules().get(name)
    if body is None:
        raise Http404
    response = HttpResponse(body, content_type="text/javascript; charset=utf-8")
    is_current = wanted == version()
    response["Cache-Control"] = "public, max-age=31536000, immutable" if is_current else "no-store"
    return _for_pages(response)


def _answering_pages(view: Callable[[HttpRequest, Channel], HttpResponse]) -> Callable[[HttpRequest, str], HttpResponse]:
    """For the chat's allowed sites only, in the account's scope and the visitor's language."""

    @csrf_exempt  # The visitor's token is in the body; no cookie speaks for anybody here.
    @require_http_methods(["POST"])
    @functools.wraps(view)
    def answer(request: HttpRequest, key: str) -> HttpResponse:
        channel = _channel_or_404(key)
        origin = request.headers.get("Origin", "").lower()
        if not Options.of(channel).allows(origin):
            return JsonResponse({"error": _("This chat is not available on this page.")}, status=403)
        with account_scope(channel.account_id):
            return _for_pages(view(request, channel), origin=origin or "*")

    return answer


@_answering_pages
def upload(request: HttpRequest, channel: Channel) -> HttpResponse:
    """A picture as a message of its own: fields id, visitor, token, file. The same id again gives the same answer."""
    asked = request.META.get("CONTENT_LENGTH") or ""
    if not asked.isdigit() or int(asked) > LARGEST_PICTURE + 100_000:
        return _too_large()
    language = request.POST.get("language", "")
    with override(language if language in LANGUAGES[1:] else channel.account.language):
        return _take_picture(request, channel)


def _take_picture(request: HttpRequest, channel: Channel) -> HttpResponse:
    visitor = visitors.visitor_by_token(channel=channel, visitor_id=request.POST.get("visitor", ""), token=request.POST.get("token", ""))
    if visitor is None:
        return _refuse(_("Open the chat again to send this."), 403)
    sent = request.FILES.get("file")
    try:
        message_id = uuid.UUID(request.POST.get("id", ""))
    except ValueError:
        sent = None
    if sent is None or not Options.of(channel).attachments:
        return _refuse(_("Only pictures can be sent."), 400)
    if wait := limits.seconds_to_wait(limits.FILES_OF_VISITOR, visitor.pk):
        answer = _refuse(_("Too many tries. Wait a moment."), 429)
        answer["Retry-After"] = str(int(wait) + 1)
        return answer
    content = sent.read()
    if len(content) > LARGEST_PICTURE:
        return _too_large()
    content_type = picture_type(content)
    if content_type is None:
        return _refuse(_("Only pictures can be sent."), 400)
    picture = InboundFile(name=(sent.name or "")[-200:], content_type=content_type, content=content)
    try:
        done = writing.write(visitor=visitor, message_id=message_id, text="", files=(picture,))
    except writing.MessageRefused:
        return _refuse(_("This message could not be sent."), 409)
    except Busy as busy:
        answer = _refuse(_("Too many tries. Wait a moment."), 503)
        answer["Retry-After"] = str(busy.wait)
        return answer
    return JsonResponse({"id": str(message_id), "sequence": done.sequence, "at": done.message.occurred_at.isoformat()})


def _too_large() -> JsonResponse:
    return _refuse(_("The picture is larger than %(limit)d MB.") % {"limit": LARGEST_PICTURE // 1_000_000}, 413)


def _refuse(text: str, status: int) -> JsonResponse:
    return JsonResponse({"error": text}, status=status)


@require_safe
def file(request: HttpRequest, key: str, signed: str) -> HttpResponse:
    """A file of a visitor's line, by a link that was made for that visitor and holds for a day."""
    channel = _channel_or_404(key)
    with account_scope(channel.account_id):
        attachment = lines.file_of_link(channel=channel, signed=signed)
        if attachment is None:
            raise Http404
        inline = attachment.content_type in SAFE_INLINE
        response = FileResponse(attachment.file.open("rb"), as_attachment=not inline, filename=attachment.name or "file")
        response["Content-Type"] = attachment.content_type if inline else "application/octet-stream"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, max-age=86400"
    response["Referrer-Policy"] = "no-referrer"
    _for_pages(response)  # type: ignore[arg-type]
    return response  # type: ignore[return-value]
