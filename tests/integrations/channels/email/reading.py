"""How these tests read a mail: from a file or from text, as the channel hola@andes.test reads it."""

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inbox.adapters import Inbound, InboundMessage
from integrations.channels.email import message_ids, parsing

MAILS = Path(__file__).parent / "mails"
HOUSE = "hola@andes.test"
ARRIVED = datetime(2026, 11, 20, 15, tzinfo=UTC)
OUR_KEY = uuid.UUID(int=7)


def our_id() -> str:
    return message_ids.own_message_id(OUR_KEY, domain="andes.test")


def forged_id() -> str:
    """Like an id of ours, with one letter changed: whatever the installation's key, its seal does not fit."""
    head, core = our_id()[:7], our_id()[7:]
    return head + ("b" if core[0] == "a" else "a") + core[1:]


def raw_of(name: str) -> bytes:
    """A recorded mail; ``@OWN@`` in it stands for the id of a mail that we sent."""
    return (MAILS / f"{name}.eml").read_bytes().replace(b"@OWN@", our_id().encode())


def parts_of(raw: bytes | str, **context: Any) -> list[Inbound]:
    return parsing.parse(
        raw.encode() if isinstance(raw, str) else raw,
        own_address=HOUSE,
        trusted_server="mx.andes.test",
        received_at=ARRIVED,
        context=context,
        max_file_bytes=1024 * 1024,
    )


def message_of(raw: bytes | str, **context: Any) -> InboundMessage:
    (part,) = parts_of(raw, **context)
    assert isinstance(part, InboundMessage)
    return part


def mail(body: str = "Hola", **fields: str) -> str:
    """A plain mail from Ana; a field given as an empty string is left out."""
    written = {
        "From": "Ana Pérez <ana@cliente.test>",
        "To": HOUSE,
        "Subject": "Consulta",
        "Date": "Fri, 20 Nov 2026 11:59:00 -0300",
        "Message-ID": "<a1@cliente.test>",
        "Content-Type": "text/plain; charset=utf-8",
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    return "".join(f"{name}: {value}\n" for name, value in written.items() if value) + f"\n{body}\n"
