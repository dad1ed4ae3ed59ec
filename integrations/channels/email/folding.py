"""Where the quoted mail begins below an answer: a hint for showing, the text itself stays whole."""

import re

import quotequail

_LONGEST_LINE = 1_000
_MOST_LINES = 5_000
# Introductions that the library does not know, mostly Portuguese and Spanish; each may be wrapped over two lines.
_INTRODUCTIONS = re.compile(
    r"^(?:"
    r"(?:El|Em|No dia|A|Le|On|Il giorno|Am) .{4,200}(?:escribió|escreveu|a écrit|wrote|ha scritto|schrieb .{1,80}):"
    r"|.{3,120} (?:escribió|escreveu) (?:el|em|a|no dia) .{4,120}:"
    r"|-{2,} ?(?:Mensaje original|Mensagem original|Mensagem encaminhada|Mensaje reenviado|Original Message) ?-{2,}"
    r"|(?:Início da mensagem reencaminhada|Início da mensagem encaminhada|Inicio del mensaje reenviado|Begin forwarded message):?"
    r")\s*$",
    re.IGNORECASE,
)
_OUTLOOK_FROM = re.compile(r"^\*?(?:De|From|Von)\*?:\*? ?\S", re.IGNORECASE)
_OUTLOOK_NEXT = re.compile(
    r"^\*?(?:Enviado(?: el)?|Enviada(?: em| a)?|Sent|Fecha|Date|Data|Para|To|Asunto|Assunto|Subject|CC)\*?:", re.IGNORECASE
)
_RULE = re.compile(r"^_{10,}\s*$")


def quoted_part(text: str) -> str:
    """The end of ``text`` that repeats earlier mail, with its introduction; empty where there is none or nothing else is left."""
    lines = text.split("\n")
    if len(lines) > _MOST_LINES or any(len(line) > _LONGEST_LINE for line in lines):
        return ""
    candidates = [index for index in (_by_introduction(lines), _by_library(text, lines), _by_marks(lines)) if index is not None]
    if not candidates:
        return ""
    start = min(candidates)
    while start > 0 and (not lines[start - 1].strip() or _RULE.match(lines[start - 1])):
        start -= 1
    # An answer between or below the quotes is no quote: then nothing is folded.
    below = [line for line in lines[start:] if line.strip()]
    if not any(line.strip() for line in lines[:start]) or _answered_below(below):
        return ""
    return "\n".join(lines[start:]).strip("\n")


def _by_introduction(lines: list[str]) -> int | None:
    for index, line in enumerate(lines):
        plain = line.strip().lstrip("> ")
        if not plain:
            continue
        following = lines[index + 1].strip().lstrip("> ") if index + 1 < len(lines) else ""
        if _INTRODUCTIONS.match(plain) or (following and _INTRODUCTIONS.match(f"{plain} {following}") and not plain.endswith((".", ":"))):
            return index
        if _OUTLOOK_FROM.match(plain) and any(_OUTLOOK_NEXT.match(other.strip().lstrip("> ")) for other in lines[index + 1 : index + 3]):
            return index
    return None


def _by_library(text: str, lines: list[str]) -> int | None:
    parts = quotequail.quote(text, limit=_MOST_LINES + 1, quote_intro_line=True)
    if len(parts) < 2 or parts[-1][0]:
        return None
    return len(lines) - len(parts[-1][1].split("\n"))


def _by_marks(lines: list[str]) -> int | None:
    """A block of quoted lines at the very end, without an introduction."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    start = end
    while start and (lines[start - 1].lstrip().startswith(">") or not lines[start - 1].strip()):
        start -= 1
    while start < end and not lines[start].strip():
        start += 1
    return start if start < end else None


def _answered_below(lines: list[str]) -> bool:
    """Whether own text follows marked quotes."""
    marked = [index for index, line in enumerate(lines) if line.lstrip().startswith(">")]
    if not marked:
        return False
    return any(
        not line.lstrip().startswith(">") and not _is_signature(lines, index) for index, line in enumerate(lines) if index > marked[-1]
    )


def _is_signature(lines: list[str], index: int) -> bool:
    return any(line.rstrip() == "--" for line in lines[max(0, index - 6) : index + 1])
