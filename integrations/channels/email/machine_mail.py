"""Mail that no person wrote: automatic answers, lists, delivery reports."""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import Message

from flufl.bounce import all_failures

from inbox.adapters import Complaint, StatusUpdate
from integrations.channels.email import headers, message_ids
from integrations.channels.email.charsets import one_line
from integrations.channels.email.complaints import complaint_in
from integrations.channels.email.structure import children, walk

_ROBOT = re.compile(
    r"(?:mailer-daemon|postmaster|no-?_?reply|no-?responder|nao-?responda|do-?not-?reply|bounces?)(?:[+=._-].*)?@", re.IGNORECASE
)
_MOST_RECIPIENTS = 50
# It logs every detector it runs, and whatever it cannot read.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Nature:
    """``is_automatic``: a program wrote it. ``suppresses_replies``: it wants no automatic answer, whoever wrote it."""

    is_automatic: bool
    suppresses_replies: bool


def nature(mail: Message, *, sender: str) -> Nature:
    """By RFC 3834 and by what programs wrote before it."""
    word: Callable[[str], str] = lambda name: one_line(headers.raw_value(mail, name)).lower()  # noqa: E731
    submitted = word("Auto-Submitted").split(";")[0].strip()
    precedence = word("Precedence")
    automatic = (
        (submitted not in {"", "no"})
        or precedence == "auto_reply"
        or is_from_nobody(mail)
        or word("X-Autoreply") in {"yes", "true"}
        or bool(word("X-Autorespond"))
        or headers.content_type(mail) == "multipart/report"
    )
    suppresses = (
        bool(word("X-Auto-Response-Suppress").replace("none", ""))
        or precedence in {"bulk", "junk", "list"}
        or bool(word("List-Id") or word("List-Unsubscribe") or word("List-Post"))
        or is_robot(sender)
    )
    return Nature(is_automatic=automatic, suppresses_replies=automatic or suppresses)


def is_from_nobody(mail: Message) -> bool:
    """Whether the envelope named no sender, as delivery reports do."""
    return headers.raw_value(mail, "Return-Path").strip() == "<>"


def is_robot(address: str) -> bool:
    return bool(_ROBOT.match(address))


def reports(mail: Message, *, sender: str, occurred_at: datetime) -> Sequence[StatusUpdate | Complaint] | None:
    """What a delivery report, a read receipt or a complaint says about mails of ours: nothing where it only tells of a delay.

    ``None`` where it is no report, or none about a mail of ours: then it is shown like any mail. Raises ``UnreadableEvent``.
    """
    complaint = complaint_in(mail, ours=_mails_of_ours(mail), occurred_at=occurred_at)
    if complaint is not None:
        return complaint
    kind = headers.content_type(mail)
    report_type = headers.parameters(mail, "Content-Type").get("report-type", "").lower()
    if kind == "multipart/report" and report_type == "disposition-notification":
        return _read_receipt(mail, occurred_at)
    if kind == "multipart/report" or (is_from_nobody(mail) or is_robot(sender)):
        ours = _mails_of_ours(mail)
        if ours:
            found = _delivery_report(mail, ours[0], occurred_at)
            return found if found is not None else _old_bounce(mail, ours[0], occurred_at)
    return None


def _mails_of_ours(mail: Message) -> list[str]:
    """The ids of ours in a report: of the mail that came back first, then of whatever is quoted."""
    returned: list[str] = []
    mentioned: list[str] = []
    for part in walk(mail):
        kind = headers.content_type(part)
        if part is not mail:
            returned += headers.ids(part, "Message-ID") + headers.ids(part, "Original-Message-ID")
        if kind in {"text/rfc822-headers", "text/plain", "message/rfc822-headers"} and not part.is_multipart():
            written = part.get_payload(decode=True)
            mentioned += message_ids.own_ids_anywhere(written.decode("latin-1")[:200_000]) if isinstance(written, bytes) else []
    answered = headers.ids(mail, "In-Reply-To") + headers.ids(mail, "References")
    found = [message_ids.own_id_in(identifier) for identifier in returned] + mentioned
    found += [message_ids.own_id_in(identifier) for identifier in answered]
    return list(dict.fromkeys(identifier for identifier in found if identifier))


def _delivery_report(mail: Message, ours: str, occurred_at: datetime) -> list[StatusUpdate] | None:
    updates, is_one = [], False
    for part in walk(mail):
        if headers.content_type(part) not in {"message/delivery-status", "message/global-delivery-status"}:
            continue
        for group in children(part)[:_MOST_RECIPIENTS]:
            action = one_line(headers.raw_value(group, "Action")).lower()
            is_one = is_one or bool(action)
            status = {"failed": "failed", "delivered": "delivered", "relayed": "sent", "expanded": "delivered"}.get(action)
            if status is None:
                continue  # a delay is no outcome
            updates.append(
                StatusUpdate(
                    provider_id=message_ids.provider_id(ours),
                    status=status,
                    occurred_at=occurred_at,
                    recipient=_after_type(group, "Original-Recipient") or _after_type(group, "Final-Recipient"),
                    code=one_line(headers.raw_value(group, "Status"))[:20],
                    text=(_after_type(group, "Diagnostic-Code") or one_line(headers.raw_value(group, "Status")))[:500],
                )
            )
    return updates if is_one else None


def _after_type(group: Message, name: str) -> str:
    """The value after its type: ``rfc822; ana@ejemplo.cl``, ``smtp; 550 …``."""
    written = headers.text_of(group, name)
    return written.partition(";")[2].strip().strip("<>")[:200] if ";" in written else written.strip("<>")[:200]


def _old_bounce(mail: Message, ours: str, occurred_at: datetime) -> list[StatusUpdate] | None:
    """Bounces from before the standard, each server in its own words."""
    try:
        delayed, failed = all_failures(mail)
    except Exception:
        return None  # its detectors expect well-formed mail
    if not delayed and not failed:
        return None
    return [
        StatusUpdate(
            provider_id=message_ids.provider_id(ours),
            status="failed",
            occurred_at=occurred_at,
            recipient=one_line(address.decode("utf-8", "replace"))[:200],
            text=headers.text_of(mail, "Subject")[:500],
        )
        for address in sorted(failed)
    ]


def _read_receipt(mail: Message, occurred_at: datetime) -> list[StatusUpdate] | None:
    for part in walk(mail):
        if headers.content_type(part) != "message/disposition-notification":
            continue
        # The library reads its fields as a nested message, or leaves them as text.
        fields = "\n".join(str(field) for child in children(part) for field in child.raw_items())
        written = fields or str(part.get_payload())
        ours = message_ids.own_ids_anywhere(written)
        if ours:
            if "displayed" not in written.lower():
                return []  # deleted unread, or only processed
            found = re.search(r"rfc822;\s*([^\s'\")]+)", written, re.IGNORECASE)
            recipient = found[1][:200] if found else ""
            return [StatusUpdate(message_ids.provider_id(ours[0]), "read", occurred_at, recipient=recipient)]
    return None
