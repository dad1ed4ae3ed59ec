"""Attachments and the HTML of emails: bytes from outside, served so that they can do nothing."""

import re
from typing import IO, Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import linebreaks
from django.utils.http import content_disposition_header
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from inbox.models import Attachment, Message
from inbox.views.answers import InboxRequest
from inbox.views.showing import PICTURES

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_FRAME = (
    "<!doctype html><html><head><meta charset='utf-8'><base target='_blank'><style>"
    "html{{color-scheme:light;background:#fff}}body{{margin:0;padding:14px 16px;font:14px/1.5 system-ui,sans-serif;color:#1d1c1a;"
    "overflow-wrap:anywhere}}img{{max-width:100%;height:auto}}table{{max-width:100%}}blockquote{{margin:8px 0;padding-left:12px;"
    "border-left:2px solid #ddd;color:#57544d}}pre{{white-space:pre-wrap}}</style></head><body>{}</body></html>"
)
_CID = re.compile(r"(<img\b[^>]*?\ssrc=)([\"'])cid:([^\"']{1,255})\2", re.IGNORECASE)
_REMOTE = re.compile(r"(<img\b[^>]*?\s)data-src(=)", re.IGNORECASE)


def has_remote_images(html: str) -> bool:
    """Whether the mail names pictures that wait for a click."""
    return _REMOTE.search(html) is not None


@require_safe
@xframe_options_sameorigin
def email_frame(request: InboxRequest, message_id: int) -> HttpResponse:
    """The sanitised HTML of one email (of any other message its text), for a sandboxed frame.

    ``images=1`` lets remote pictures load.
    """
    message = Message.scoped().prefetch_related("attachments").filter(pk=message_id).first()
    if message is None:
        raise Http404
    shows_images = request.GET.get("images") == "1"
    html = _with_inline_images(request, message) if message.html else linebreaks(message.body, autoescape=True)
    if shows_images:
        html = _REMOTE.sub(r"\1src\2", html)
    response = HttpResponse(_FRAME.format(html))
    # No scripts, no forms, nothing from elsewhere; the same origin only so that the page can measure the frame.
    response["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:{' https: http:' if shows_images else ''}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
        "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
    )
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "private, no-store"
    return response


def _with_inline_images(request: InboxRequest, message: Message) -> str:
    """Pictures that came along are named by their content id; here they get their address."""
    by_id = {file.content_id.strip("<>"): file for file in message.attachments.all() if file.content_id}

    def address(match: re.Match[str]) -> str:
        file = by_id.get(match.group(3).strip("<>"))
        if file is None:
            return match.group(0)
        return f'{match.group(1)}"{reverse("inbox:attachment", args=[request.account.slug, file.pk])}"'

    return _CID.sub(address, message.html)


@require_safe
def attachment(request: InboxRequest, attachment_id: int) -> HttpResponse:
    """The bytes of one file. Pictures, sound and film are shown; anything else is downloaded."""
    return answer_with_file(request, attachment_id)


def answer_with_file(request: HttpRequest, attachment_id: int) -> HttpResponse:
    """The file, or the part of it that the request asks for. Raises ``Http404`` for one that is not there, or not yet."""
    found = Attachment.scoped().filter(pk=attachment_id, state=Attachment.State.STORED).first()
    if found is None or not found.file:
        raise Http404
    kind = found.content_type.split(";")[0].strip().lower()
    shown = kind in PICTURES or kind.startswith(("audio/", "video/"))
    try:
        content = found.file.open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    with content:
        response = _part(request, content, found.file.size) or HttpResponse(content.read())
    response["Content-Type"] = kind if shown else "application/octet-stream"
    if header := content_disposition_header(not shown, found.name or "file"):
        response["Content-Disposition"] = header
    response["Accept-Ranges"] = "bytes"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, max-age=3600"
    return response


def _part(request: HttpRequest, content: IO[Any], size: int) -> HttpResponse | None:
    """The part of the file that a player asks for; ``None`` when it asks for all of it."""
    wanted = _RANGE.fullmatch(request.headers.get("Range", ""))
    if wanted is None or not any(wanted.groups()):
        return None
    first, last = wanted.groups()
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last), size - 1) if first and last else size - 1
    if start > end:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    content.seek(start)
    headers = {"Content-Range": f"bytes {start}-{end}/{size}"}
    return HttpResponse(content.read(end - start + 1), status=206, headers=headers)
