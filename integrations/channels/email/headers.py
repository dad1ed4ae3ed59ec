"""Header fields as people wrote them: RFC 2047 and 2231 with all their oddities, addresses, dates, ids.

The standard library's structured headers are not used for reading: on broken input several of them raise.
"""

import base64
import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from urllib.parse import unquote_to_bytes

from integrations.channels.email.charsets import clean, decode, one_line

_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*(?:\?(?!=)[^?]*)*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(=\?)")
_ID = re.compile(r"<\s*([^<>\s]{1,900})\s*>")
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\"\\]{1,100}@[^\s@<>()\[\],;:\"\\]{1,200}")
_PARAMETER = re.compile(r""";\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))""")
LONGEST = 20_000  # characters of one header that are looked at


@dataclass(frozen=True)
class Mailbox:
    """A display name (may be empty) and an address."""

    name: str
    address: str


def raw_values(part: Message, name: str) -> Iterator[str]:
    """Every value of a field, top first, as it stands in the mail, unfolded. 8-bit bytes are read as text."""
    wanted = name.lower()
    for field, value in part.raw_items():
        if field.lower() == wanted:
            text = str(value)[:LONGEST]
            try:
                text = decode(text.encode("ascii", "surrogateescape"))
            except UnicodeEncodeError:
                text = text.encode("utf-8", "replace").decode()
            yield re.sub(r"\r?\n|\r", "", text)


def raw_value(part: Message, name: str) -> str:
    return next(raw_values(part, name), "")


def text_of(part: Message, name: str) -> str:
    """A field as people read it, on one line."""
    return one_line(decode_words(raw_value(part, name)))


def decode_words(text: str) -> str:
    """Replace encoded words by what they say. Words that a program cut within a character are joined before decoding."""
    if "=?" not in text:
        return text
    pieces: list[tuple[str, str, bytes]] = []  # (plain text before, charset, bytes)
    text, end = _BETWEEN_WORDS.sub(r"\1\2", text), 0
    for word in _WORD.finditer(text):
        before, charset, content = text[end : word.start()], word[1].split("*")[0], _word_bytes(word[2], word[3])
        if pieces and not before and pieces[-1][1].lower() == charset.lower():
            pieces[-1] = (pieces[-1][0], charset, pieces[-1][2] + content)
        else:
            pieces.append((before, charset, content))
        end = word.end()
    return "".join(before + decode(content, charset) for before, charset, content in pieces) + text[end:]


def _word_bytes(encoding: str, content: str) -> bytes:
    raw = content.encode("utf-8", "replace")
    if encoding in "qQ":
        return quopri.decodestring(raw.replace(b"_", b" "), header=False)
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    try:
        return base64.b64decode(letters + b"=" * (-len(letters) % 4))
    except (binascii.Error, ValueError):
        return raw


def mailboxes(part: Message, name: str) -> list[Mailbox]:
    """The addresses of a field, in order. Names are decoded after the addresses are told apart, as RFC 2047 wants it."""
    found = []
    for value in raw_values(part, name):
        # Names and addresses that were encoded as one word are no address list until they are decoded.
        if "@" not in value and "=?" in value:
            value = decode_words(value)
        try:
            pairs = getaddresses([value])
        except Exception:
            pairs = []
        good = [Mailbox(_display_name(written), address) for written, address in ((a, tidy_address(b)) for a, b in pairs) if address]
        if not good:
            good = [Mailbox("", address) for address in (tidy_address(match[0]) for match in _ADDRESS.finditer(value)) if address]
        found += good
    return found[:200]


def tidy_address(written: str) -> str:
    """An address without what does not belong to it, or an empty string where there is none."""
    address = one_line(decode_words(written)).strip(" <>\"'.,;").removeprefix("mailto:")
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain or re.search(r"[\s,;:<>\"()\[\]\\@]", local + domain) or len(address) > 254:
        return ""
    return f"{local}@{domain.lower()}"


def _display_name(written: str) -> str:
    return one_line(decode_words(written)).strip(" \"'")[:200]


def ids(part: Message, name: str) -> list[str]:
    """The message ids of a field without their angle brackets, in order. Ids that a program wrote without brackets count too."""
    value = " ".join(raw_values(part, name))
    found = _ID.findall(value)
    if not found:
        found = [word.strip("<>,;\"'") for word in value.split() if "@" in word]
    return [one_line(identifier) for identifier in found if identifier]


def date_of(part: Message, name: str = "Date") -> datetime | None:
    """A date in UTC, or ``None``. A date without a zone is taken as UTC."""
    try:
        found = parsedate_to_datetime(raw_value(part, name))
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    return found if 1970 < found.year < 2200 else None


def content_type(part: Message) -> str:
    """``type/subtype`` in small letters; what cannot be read is text, as RFC 2045 has it."""
    value = raw_value(part, "Content-Type")
    found = re.match(r"\s*([\w!#$&^.+-]{1,60})/([\w!#$&^.+-]{1,60})", value)
    return f"{found[1]}/{found[2]}".lower() if found else "text/plain"


def parameters(part: Message, name: str) -> dict[str, str]:
    """The parameters of a field, decoded: RFC 2231 pieces are joined, RFC 2047 words (not allowed there, but common) read."""
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    for key, quoted, bare in _PARAMETER.findall(";" + raw_value(part, name).partition(";")[2]):
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted else bare
        plain, _star, number = key.lower().rstrip("*").partition("*")
        pieces.setdefault(plain, []).append((int(number) if number.isdecimal() and len(number) < 4 else 0, key.endswith("*"), value))
    return {key: _joined(found) for key, found in pieces.items()}


def _joined(pieces: list[tuple[int, bool, str]]) -> str:
    # A program that writes both forms means the encoded one.
    if len({number for number, _encoded, _value in pieces}) < len(pieces):
        pieces = [piece for piece in pieces if piece[1]] or pieces[:1]
    pieces = sorted(pieces, key=lambda piece: piece[0])
    if not any(encoded for _number, encoded, _value in pieces):
        return clean(decode_words("".join(value for _number, _encoded, value in pieces)))
    charset, content = "", b""
    for index, (_number, encoded, value) in enumerate(pieces):
        if encoded and index == 0 and value.count("'") >= 2:
            charset, _language, value = value.split("'", 2)
        content += unquote_to_bytes(value) if encoded else value.encode("utf-8", "replace")
    return clean(decode(content, charset))
