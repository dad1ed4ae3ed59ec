"""Bring what is new in a mailbox into the queue of record.

The cursor (UIDVALIDITY, last UID) moves in the transaction that stores the mail, so that a crash repeats at most one mail,
which is known by its bytes. When the server gives the mailbox another UIDVALIDITY, everything since the channel was connected
is read again; the same bytes and the same Message-ID make no second message.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Channel
from inbox.receiving import store_event
from integrations.channels.email.connecting import CannotConnect, Mailbox
from integrations.channels.email.mailbox_settings import settings_of
from integrations.models import MailboxCursor

log = structlog.get_logger(__name__)
# Mail that was in the folder before the channel is not imported. The two clocks may differ by this much.
_CLOCKS = timedelta(minutes=10)
# Of a mail larger than an attachment may be, with its encoding, only the beginning is fetched.
_ENCODING = 1.4
_BEGINNING = 256 * 1024
# IMAP's names, whatever the process's locale.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_AT_ONCE = 200  # mails whose sizes are asked in one command


@dataclass(frozen=True)
class _Waiting:
    uid: int
    size: int
    received_at: datetime


def fetch_new(*, channel: Channel, mailbox: Mailbox, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Store every mail that the folder got since the last time; returns how many were new to us.

    Runs inside the account's scope. Errors of the connection are the library's; whatever was stored before stays stored.
    """
    cursor = _cursor(channel, mailbox)
    stored = 0
    for waiting in _waiting(mailbox, channel, cursor):
        if should_stop():
            break
        raw, is_cut = _content(mailbox, waiting)
        stored += _keep(channel, cursor, waiting, raw, is_cut)
    MailboxCursor.scoped().filter(pk=cursor.pk).update(checked_at=timezone.now())
    return stored


def _cursor(channel: Channel, mailbox: Mailbox) -> MailboxCursor:
    """Where we are in this folder; at its beginning when the server started counting anew."""
    folder = settings_of(channel).folder
    validity = _uidvalidity(mailbox, folder)
    cursor, _created = MailboxCursor.objects.get_or_create(channel=channel, folder=folder)
    if cursor.uidvalidity != validity:
        if cursor.uidvalidity is not None:
            log.warning("email.uidvalidity_changed", channel=channel.pk, folder=folder, before=cursor.uidvalidity, now=validity)
        cursor.uidvalidity, cursor.last_uid = validity, 0
        cursor.save(update_fields=["uidvalidity", "last_uid"])
    return cursor


def _uidvalidity(mailbox: Mailbox, folder: str) -> int:
    # Opening the folder again refreshes what the server shows of it.
    mailbox.folder.set(folder, readonly=True)
    _kind, values = mailbox.client.response("UIDVALIDITY")
    found = re.search(rb"\d+", values[-1] or b"") if values else None
    if found is None:
        raise CannotConnect(
            _("The mail server does not number the mails of this folder (UIDVALIDITY), so it cannot be read."), needs_a_person=True
        )
    return int(found[0])


def _waiting(mailbox: Mailbox, channel: Channel, cursor: MailboxCursor) -> Iterator[_Waiting]:
    """The mails behind the cursor, oldest first, that arrived since the channel was connected."""
    since = channel.created_at - _CLOCKS
    # SINCE compares dates in the server's time zone, so one day of margin; the exact time is compared below.
    criteria = f"UID {cursor.last_uid + 1}:* SINCE {_imap_date(since - timedelta(days=1))}"
    _status, found = mailbox.client.uid("SEARCH", criteria)
    uids = sorted({int(word) for line in found if line for word in line.split() if word.isdigit()})
    # A range that ends in * always holds the last mail, even below its beginning.
    uids = [uid for uid in uids if uid > cursor.last_uid]
    for start in range(0, len(uids), _AT_ONCE):
        for waiting in _sizes(mailbox, uids[start : start + _AT_ONCE]):
            if waiting.received_at >= since:
                yield waiting


def _imap_date(day: datetime) -> str:
    return f"{day.day:02d}-{_MONTHS[day.month - 1]}-{day.year}"


def _sizes(mailbox: Mailbox, uids: list[int]) -> list[_Waiting]:
    _status, answer = mailbox.client.uid("FETCH", ",".join(map(str, uids)), "(UID RFC822.SIZE INTERNALDATE)")
    found = []
    for item in answer:
        line = item if isinstance(item, bytes) else b" ".join(part for part in item or () if isinstance(part, bytes))
        uid, size = re.search(rb"\bUID (\d+)", line), re.search(rb"RFC822\.SIZE (\d+)", line)
        if uid and size:
            found.append(_Waiting(uid=int(uid[1]), size=int(size[1]), received_at=_internal_date(line)))
    return sorted(found, key=lambda waiting: waiting.uid)


def _internal_date(line: bytes) -> datetime:
    """When the server took the mail (UTC); now, where it does not say."""
    found = re.search(rb'INTERNALDATE "\s?(\d{1,2})-(\w{3})-(\d{4} \d\d:\d\d:\d\d [+-]\d{4})"', line)
    if found is None:
        return timezone.now()
    day, month, rest = (part.decode() for part in found.groups())
    try:
        return datetime.strptime(f"{day}-{_MONTHS.index(month.capitalize()) + 1}-{rest}", "%d-%m-%Y %H:%M:%S %z").astimezone(UTC)
    except ValueError:
        return timezone.now()


def _content(mailbox: Mailbox, waiting: _Waiting) -> tuple[bytes, bool]:
    """The mail byte for byte, without marking it as read, and whether it is only a beginning. Empty: gone meanwhile."""
    if waiting.size <= settings.ATTACHMENT_MAX_BYTES * _ENCODING:
        status, raw = _section(mailbox, waiting.uid, "BODY.PEEK[]")
        if status == "OK":
            return raw, False
    head_status, head = _section(mailbox, waiting.uid, "BODY.PEEK[HEADER]")
    if head_status != "OK":
        # Going on would lose the mail in silence.
        text = _("The mail server does not give out the mail with UID %(uid)d; the mails behind it wait.") % {"uid": waiting.uid}
        raise CannotConnect(text, needs_a_person=True)
    _status, body = _section(mailbox, waiting.uid, f"BODY.PEEK[TEXT]<0.{_BEGINNING}>")
    return head + body, True


def _section(mailbox: Mailbox, uid: int, section: str) -> tuple[str, bytes]:
    status, answer = mailbox.client.uid("FETCH", str(uid), f"(UID {section})")
    parts = (item[1] for item in answer if isinstance(item, tuple) and len(item) > 1 and isinstance(item[1], bytes))
    return status, next(parts, b"")


def _keep(channel: Channel, cursor: MailboxCursor, waiting: _Waiting, raw: bytes, is_cut: bool) -> int:
    """Store one mail and move the cursor behind it, together. Returns 1 where it was new."""
    context = {
        "uid": waiting.uid,
        "uidvalidity": cursor.uidvalidity,
        "folder": cursor.folder,
        "received_at": waiting.received_at.isoformat(),
        "size": waiting.size,
    }
    with transaction.atomic():
        # Two processes may read one mailbox: the cursor only ever moves forward.
        event = store_event(channel=channel, body=raw, context={**context, "cut": True} if is_cut else context) if raw else None
        MailboxCursor.scoped().filter(pk=cursor.pk, uidvalidity=cursor.uidvalidity, last_uid__lt=waiting.uid).update(last_uid=waiting.uid)
    cursor.last_uid = waiting.uid
    return 1 if event is not None else 0
