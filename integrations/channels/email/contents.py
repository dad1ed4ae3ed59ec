"""What a mail holds: the text, the HTML, the files. Works on whatever the parser made of broken MIME."""

import base64
import mimetypes
import re
from dataclasses import dataclass, field
from email.message import Message
from email.policy import compat32

from django.utils.translation import gettext

from inbox.adapters import InboundFile
from integrations.channels.email import headers, html_text
from integrations.channels.email.charsets import clean, decode, one_line
from integrations.channels.email.structure import children

MAX_TEXT = 200_000  # characters of a body
MAX_FILES = 100
_EXTENSIONS = {"message/rfc822": ".eml", "text/calendar": ".ics", "application/ms-tnef": ".dat", "image/jpeg": ".jpg", "text/plain": ".txt"}


@dataclass
class Contents:
    """Collected in reading order; ``left_out`` says in words what could not be kept."""

    texts: list[str] = field(default_factory=list)
    htmls: list[str] = field(default_factory=list)
    files: list[InboundFile] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    has_html: bool = False

    @property
    def text(self) -> str:
        return "\n\n".join(text.strip("\n") for text in self.texts if text.strip())

    @property
    def html(self) -> str:
        """Sanitised; empty for a mail of plain text only."""
        return "\n".join(self.htmls) if self.has_html else ""


def read(mail: Message, *, max_file_bytes: int) -> Contents:
    """Everything in the mail that people see or can open."""
    contents = Contents()
    _collect(mail, contents, max_file_bytes)
    if len(contents.text) > MAX_TEXT:
        contents.texts = [contents.text[:MAX_TEXT]]
        contents.left_out.append(gettext("The text was too long and is cut here."))
    if sum(len(html) for html in contents.htmls) > html_text.MAX_HTML:
        contents.htmls, contents.has_html = [], False
        contents.left_out.append(gettext("The formatted version was too large; this is its text."))
    return contents


def _collect(part: Message, contents: Contents, limit: int) -> None:
    kind = headers.content_type(part)
    inside = children(part)
    if inside and kind.startswith("multipart/"):
        if kind == "multipart/alternative":
            _collect_alternative(inside, contents, limit)
        else:
            for child in inside:
                _collect(child, contents, limit)
        return
    if kind.startswith("multipart/"):
        kind = "text/plain"  # it says so, but has no parts
    if inside and kind.startswith("message/"):
        if kind != "message/delivery-status":
            _add_file(contents, _name(part, kind), kind, _as_bytes(inside[0]), "", limit)
        return
    if _is_text(part, kind):
        text = _text(part)
        if kind == "text/html":
            _add_html(contents, text)
        else:
            text = _unflowed(text, headers.parameters(part, "Content-Type"))
            contents.texts.append(text)
            contents.htmls.append(html_text.from_text(text))
        return
    content = _bytes(part)
    content_id = one_line(headers.raw_value(part, "Content-ID")).strip("<> ")[:255]
    if content or kind not in {"text/plain", "text/html"}:
        _add_file(contents, _name(part, kind), kind, content, content_id, limit)


def _collect_alternative(forms: list[Message], contents: Contents, limit: int) -> None:
    """One text in several forms: both are kept, each in its place; what is no text (an invitation) becomes a file."""
    plain, rich = "", Contents()
    for child in forms:
        kind = headers.content_type(child)
        if kind == "text/plain" and not plain and _is_text(child, kind):
            plain = _unflowed(_text(child), headers.parameters(child, "Content-Type"))
        else:
            _collect(child, rich, limit)
    contents.files += rich.files
    contents.left_out += rich.left_out
    if rich.has_html:
        contents.has_html = True
        contents.htmls.append(rich.html)
    elif plain or rich.texts:
        contents.htmls.append(html_text.from_text(plain or rich.text))
    # Some programs write "your program cannot show HTML" as the plain form, or nothing.
    says_little = len(plain.split()) < 12 and len(rich.text.split()) > 3 * len(plain.split()) + 3
    contents.texts.append(rich.text if says_little or not plain.strip() else plain)


def _add_html(contents: Contents, html: str) -> None:
    contents.texts.append(html_text.to_text(html))
    if not html_text.is_bearable(html):
        contents.left_out.append(gettext("The formatted version was too large; this is its text."))
        contents.htmls.append(html_text.from_text(contents.texts[-1]))
        return
    contents.htmls.append(html_text.sanitise(html))
    contents.has_html = True


def _add_file(contents: Contents, name: str, kind: str, content: bytes, content_id: str, limit: int) -> None:
    if len(contents.files) >= MAX_FILES:
        contents.left_out.append(gettext("The file %(name)s was left out: there are too many.") % {"name": name})
    elif len(content) > limit:
        contents.left_out.append(
            gettext("The file %(name)s was left out: it is larger than %(size)d MB.") % {"name": name, "size": limit // 1_048_576}
        )
    else:
        contents.files.append(InboundFile(name=name, content_type=kind, content=content, content_id=content_id))


def _is_text(part: Message, kind: str) -> bool:
    disposition = headers.raw_value(part, "Content-Disposition").strip().lower()
    if kind not in {"text/plain", "text/html", "text/enriched"} or disposition.startswith("attachment"):
        return False
    # A text with a name is a file, unless its program (Apple Mail) says that it is shown in place.
    named = headers.parameters(part, "Content-Disposition").get("filename") or headers.parameters(part, "Content-Type").get("name")
    return not named or (kind == "text/html" and disposition.startswith("inline"))


def _text(part: Message) -> str:
    return clean(decode(_bytes(part), headers.parameters(part, "Content-Type").get("charset", "")))


def _bytes(part: Message) -> bytes:
    """The decoded content. Broken encodings give what can be read of them."""
    try:
        content = part.get_payload(decode=True)
    except Exception:
        content = None  # the library's decoders raise on some broken input
    payload = part.get_payload()
    written = payload.encode("utf-8", "surrogateescape") if isinstance(payload, str) else b""
    if not isinstance(content, bytes):
        return written
    encoding = headers.raw_value(part, "Content-Transfer-Encoding").strip().lower()
    if encoding == "base64" and content in (written, b"".join(written.splitlines())):
        return _leniently_decoded(written)
    return content


def _leniently_decoded(written: bytes) -> bytes:
    """Base64 that the library gave up on: each run of it as far as it goes."""
    decoded = b""
    for run in written.split(b"="):
        letters = re.sub(rb"[^A-Za-z0-9+/]", b"", run)
        letters = letters[: len(letters) - (len(letters) % 4 == 1)]
        decoded += base64.b64decode(letters + b"=" * (-len(letters) % 4))
    return decoded


def _as_bytes(mail: Message) -> bytes:
    try:
        return mail.as_bytes(policy=compat32)
    except Exception:
        # What the library cannot write again is kept as far as it was read.
        return "\n".join(f"{name}: {value}" for name, value in mail.raw_items()).encode("utf-8", "replace") + b"\n\n" + _bytes(mail)


def _unflowed(text: str, parameters: dict[str, str]) -> str:
    """Paragraphs that were wrapped for sending (RFC 3676), whole again."""
    if parameters.get("format", "").lower() != "flowed":
        return text
    joint = "" if parameters.get("delsp", "").lower() == "yes" else " "
    lines: list[str] = []
    open_depth = -1  # of the line that goes on
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:].removeprefix(" ")
        flows = content.endswith(" ") and content != "-- "
        content = content[:-1] if flows else content
        if depth == open_depth and content != "-- ":
            lines[-1] += joint + content
        else:
            lines.append(f"{'>' * depth} {content}" if depth else content)
        open_depth = depth if flows else -1
    return "\n".join(lines)


def _name(part: Message, kind: str) -> str:
    """What the file is called, without anything that is no name; made up from the kind where the mail gives none."""
    for field_name, parameter in (("Content-Disposition", "filename"), ("Content-Type", "name")):
        written = headers.parameters(part, field_name).get(parameter, "")
        name = re.split(r"[/\\]", one_line(written))[-1].strip(". ")
        if name:
            stem, dot, extension = name.rpartition(".")
            return f"{stem[:180]}.{extension[:20]}" if dot and stem else name[:200]
    extension = _EXTENSIONS.get(kind) or mimetypes.guess_extension(kind) or ".bin"
    if kind == "message/rfc822" and (inside := children(part)):
        subject = re.sub(r"[^\w .-]", "", headers.text_of(inside[0], "Subject"))[:80].strip(". ")
        return f"{subject or gettext('attachment')}{extension}"
    return f"{gettext('attachment')}{extension}"
