"""Bytes to text, whatever charset they claim to be in."""

import codecs
import re

# What mail is really written in. Python knows more "encodings", some of which are no charsets, or slow on hostile input.
_KNOWN = frozenset(
    codecs.lookup(name).name
    for name in (
        "utf-8 utf-16 utf-16-le utf-16-be utf-32 utf-7 big5 big5hkscs gb18030 cp949 euc-kr johab cp932 shift_jis euc-jp iso2022-jp "
        "iso2022-kr cp437 cp737 cp775 cp850 cp852 cp855 cp857 cp858 cp860 cp861 cp862 cp863 cp864 cp865 cp866 cp869 cp874 cp1250 "
        "cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 "
        "iso8859-8 iso8859-10 iso8859-13 iso8859-14 iso8859-15 iso8859-16 koi8-r koi8-u mac-roman mac-cyrillic tis-620 hz"
    ).split()
)
# Names that programs write for these; Latin 1 and ASCII mean Windows 1252 in practice (as browsers read them).
_MEANT = {
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "ansi_x3.4-1968": "cp1252",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "l1": "cp1252",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "iso-8859-6-i": "iso8859-6",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "x-sjis": "cp932",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "utf8mb4": "utf-8",
    "macintosh": "mac-roman",
    "x-mac-roman": "mac-roman",
}
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
# The five empty places of Windows 1252 are read as Latin 1 has them.
_AS_LATIN_1 = "hilo.latin-1"


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error(_AS_LATIN_1, _as_latin_1)


def known_charset(name: str) -> str:
    """Python's name of a charset that mail is written in, or an empty string."""
    name = name.strip().strip("\"'").lower()[:40]
    name = _MEANT.get(name, _MEANT.get(name.replace("_", "-"), name))
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""
    return found if found in _KNOWN else ""


def decode(raw: bytes, declared: str = "") -> str:
    """Text of the bytes: as declared where that works, else as what they most probably are. Never raises."""
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if raw.startswith(mark):
            return raw.decode(encoding, "replace").lstrip("\ufeff")
    charset = known_charset(declared)
    if charset in {"", "utf-8", "cp1252"}:
        # Text in another charset is valid UTF-8 by accident hardly ever; UTF-8 declared as Latin 1 is common.
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return _western(raw) if charset != "utf-8" or not _mostly_utf8(raw) else raw.decode("utf-8", "replace")
    try:
        return raw.decode(charset)
    except (UnicodeError, ValueError):
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode(charset, "replace")


def _western(raw: bytes) -> str:
    return raw.decode("cp1252", _AS_LATIN_1)


def _mostly_utf8(raw: bytes) -> bool:
    """Whether a broken text is UTF-8 with a wrong byte, rather than another charset: it decodes more than it loses."""
    text = raw.decode("utf-8", "replace")
    return sum(character > "\x7f" and character != "\ufffd" for character in text) >= text.count("\ufffd")


def clean(text: str) -> str:
    """Without what a database or a screen cannot hold: NUL and other controls, lone surrogates; line ends as ``\\n``."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Clean, and with every run of white space as one space."""
    return " ".join(clean(text).split())
