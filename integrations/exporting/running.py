"""Ask for an export, write it in the background, hand it out for a while, take it away."""

import hashlib
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from typing import IO
from urllib.parse import urlencode
from uuid import UUID

import structlog
from django.core import signing
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import SYSTEM, Actor
from accounts.auditing import record
from accounts.background_runs import Cancelled
from accounts.models import Account
from accounts.queueing import enqueue
from accounts.roles import Ability, require
from contacts.masking import Level, level_of
from contacts.quality.words import LABELS
from integrations.exporting.tables import TABLES, Row
from integrations.exporting.writers import WRITERS
from integrations.models.exports import Export

log = structlog.get_logger("hilo.exporting")

Kind, Format, State = Export.Kind, Export.Format, Export.State
KEPT = timedelta(hours=24)
SALT = "hilo.export"
ENDINGS = {"csv": "csv", "xlsx": "xlsx", "vcard": "vcf", "jsonl": "jsonl", "parquet": "parquet"}


@transaction.atomic
def ask(*, kind: str, format: str, by: Actor, q: str = "", fix: str = "") -> Export:
    """Ask a worker for a file of what the directory shows with these filters. Raises ``ValidationError``, ``PermissionDenied``."""
    require_export(by)
    if kind not in Kind or format not in Format:
        raise ValidationError(_("There is no such export."), code="unknown")
    if format == Format.VCARD and kind != Kind.CONTACTS:
        raise ValidationError(_("A vCard holds contacts and nothing else."), code="vcard")
    if fix not in ("", "any", *LABELS):
        raise ValidationError(_("There is no such filter."), code="filter")
    export = Export.objects.create(kind=kind, format=format, filters={"q": q[:200], "fix": fix}, asked_by=by.membership)
    record(actor=by, action="export.ask", target=export, kind=kind, format=format)
    from integrations.tasks import carry_out_export

    enqueue(carry_out_export, account_id=export.account_id, run_id=export.pk)
    return export


def require_export(by: Actor) -> None:
    """An export has every address in full. Raises ``PermissionDenied``, also for whoever does not see them so on the pages."""
    require(by, Ability.EXPORT_PEOPLE)
    if by.membership is not None and level_of(by.membership) != Level.SHOWN:
        raise PermissionDenied(_("You do not see emails and phones in full, and an export has all of them. Ask an administrator."))


def carry_out(*, run_id: int) -> None:
    """Write the file. A worker that died is followed by one that begins again. Safe to call any number of times."""
    export = Export.take(run_id)
    if export is None:
        return
    try:
        _write(export)
    except Cancelled:
        Export.scoped().filter(pk=export.pk, finished_at=None).update(finished_at=timezone.now())
    except Exception as error:
        log.exception("export_failed", run=export.pk)
        export.end(State.FAILED, f"{type(error).__name__}: {error}")


def _write(export: Export) -> None:
    table = TABLES[export.kind]
    export.total = table.count(export.filters)
    export.beat()

    def counted() -> Iterator[list[Row]]:
        for lot in table.rows(export.filters):
            yield lot
            export.done += len(lot)
            export.beat()

    with tempfile.TemporaryFile() as file:
        WRITERS[export.format](table.columns, counted(), file)
        export.size, export.sha256 = file.tell(), digest_of(file)
        file.seek(0)
        name = default_storage.save(f"bulk-exports/{export.account_id}/{export.token.hex}", File(file))
    with transaction.atomic():
        export.file, export.total, export.expires_at = name, export.done, timezone.now() + KEPT
        export.end(State.DONE)
        by = Actor.person(export.asked_by) if export.asked_by else SYSTEM
        record(actor=by, action="export.finish", target=export, kind=export.kind, format=export.format, count=export.done)


def digest_of(file: IO[bytes]) -> str:
    """SHA-256 of the whole file in hexadecimal."""
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]
    return digest.hexdigest()


def link_to(export: Export, account: Account) -> str:
    """The path that hands the file out: signed, until its time is over, to members who may export."""
    path = reverse("integrations:export_file", args=[account.slug, export.pk])
    return f"{path}?{urlencode({'key': key_of(export)})}"


def key_of(export: Export) -> str:
    """What opens the export's file from now on, for as long as a file is kept."""
    return signing.dumps(export.token.hex, salt=SALT)


def opens(export: Export, key: str) -> bool:
    """Whether the link's key is of this export, and its time is not over."""
    try:
        token = UUID(signing.loads(key, salt=SALT, max_age=KEPT))
    except (signing.BadSignature, ValueError, TypeError):
        return False
    return token == export.token and bool(export.file) and export.expires_at is not None and export.expires_at > timezone.now()


@transaction.atomic
def open_file(*, export: Export, key: str, by: Actor) -> IO[bytes] | None:
    """The bytes for whoever has the link and may export; ``None`` where the link is not of this export or its time is over.

    Every download is in the audit. Raises ``PermissionDenied``.
    """
    require_export(by)
    if not opens(export, key):
        return None
    try:
        file = default_storage.open(export.file)
    except FileNotFoundError:
        return None
    record(actor=by, action="export.download", target=export, kind=export.kind, format=export.format)
    return file


def file_name(export: Export) -> str:
    return f"{export.kind}-{export.created_at:%Y-%m-%d}.{ENDINGS[export.format]}"


def forget_expired() -> int:
    """Take away the files whose time is over. Returns how many."""
    expired = Export.scoped().filter(expires_at__lte=timezone.now()).exclude(file="")
    count = 0
    for export in expired:
        default_storage.delete(export.file)
        count += Export.scoped().filter(pk=export.pk).update(file="")
    return count
