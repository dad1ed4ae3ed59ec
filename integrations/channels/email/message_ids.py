"""Names of mails: the ids that we write, the reply token beside them, and stand-ins for ids that are missing or used again.

Some servers replace the Message-ID of what they relay, and the answer then names an id that we never wrote. So each of our
mails also carries a token in References, which relays leave alone and which mail programs copy into the answer.
"""

import base64
import hashlib
import hmac
import re
import uuid

from django.conf import settings

_OWN = re.compile(r"hilo\.([mt])\.([a-z2-7]{26})([a-z2-7]{8})@([^\s<>@]+)", re.IGNORECASE)
MAX_ID = 300  # characters of a provider id
STAND_IN_ENDINGS = ("@too-long.invalid>", "@no-id.invalid>")


def _code(content: bytes) -> str:
    return base64.b32encode(content).decode().rstrip("=").lower()


def _seal(core: str) -> str:
    return _code(hmac.new(settings.SECRET_KEY.encode(), f"email.reply.{core}".encode(), hashlib.sha256).digest()[:5])


def own_message_id(key: uuid.UUID, *, domain: str) -> str:
    """The Message-ID (without brackets) of the outgoing message with this idempotency key: a retry gives the same."""
    core = _code(hmac.new(settings.SECRET_KEY.encode(), b"email.message." + key.bytes, hashlib.sha256).digest()[:16])
    return f"hilo.m.{core}{_seal(core)}@{domain}"


def reply_token(message_id: str) -> str:
    """The token that stands in References beside an id of ours, in the form of an id."""
    return message_id.replace("hilo.m.", "hilo.t.", 1)


def own_id_in(written: str) -> str:
    """The Message-ID of ours that an id or a token names, or an empty string. A made-up one is not ours."""
    found = _OWN.fullmatch(written)
    if not found or not hmac.compare_digest(_seal(found[2].lower()), found[3].lower()):
        return ""
    return f"hilo.m.{found[2].lower()}{found[3].lower()}@{found[4].lower()}"


def own_ids_anywhere(text: str) -> list[str]:
    """Every id of ours that a text mentions (a delivery report that only quotes the mail)."""
    found = (own_id_in(match[0]) for match in _OWN.finditer(text))
    return list(dict.fromkeys(identifier for identifier in found if identifier))


def provider_id(message_id: str) -> str:
    """A Message-ID as we keep it: with brackets, and a digest in place of one that is too long to store."""
    bare = message_id.strip().strip("<>")
    if len(bare) > MAX_ID:
        bare = f"sha256.{hashlib.sha256(bare.encode()).hexdigest()}@too-long.invalid"
    return f"<{bare}>"


def stand_in(*facts: str) -> str:
    """The id of a mail that has none: the same mail gets the same one again."""
    return f"<sha256.{digest(*facts)}@no-id.invalid>"


def digest(*facts: str) -> str:
    """SHA-256 of the facts, in hex; white space and line ends, which relays change, do not count."""
    canonical = "\x00".join(" ".join(fact.split()) for fact in facts)
    return hashlib.sha256(canonical.encode()).hexdigest()
