"""Carry a scheduled export out: a file for each table, what is gone, and the manifest last. Resumable, tried again, and explained.

A reader looks for ``manifest.json``: it is written when everything that it names is there, so a folder without one is not finished.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import IO, Any, Protocol
from zoneinfo import ZoneInfo

import structlog
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import SYSTEM, Actor
from accounts.auditing import record
from accounts.background_runs import Cancelled
from accounts.models import Account
from accounts.queueing import back_off, enqueue
from integrations.exporting.running import require_export
from integrations.exporting.tables import Row
from integrations.exporting.writers import WRITERS
from integrations.http_client import HttpError, RefusedAddress
from integrations.models.scheduled_exports import ScheduledExport, ScheduledExportRun
from integrations.scheduled_exports.buckets import BucketRefuses, BucketStore
from integrations.scheduled_exports.folders import FolderStore
from integrations.scheduled_exports.tables import GONE, TABLES, gone

log = structlog.get_logger("hilo.scheduled_exports")

State = ScheduledExportRun.State
ENDINGS = {"csv": "csv", "jsonl": "jsonl", "parquet": "parquet"}
VERSION = 1
MOST_ATTEMPTS = 6
# What a transaction that was open at the end of one window may have written into it: the next window begins so much earlier.
OVERLAP = timedelta(minutes=15)


class Store(Protocol):
    def put(self, name: str, file: IO[bytes]) -> None: ...


class _NotAllowed(Exception):
    """Whoever answers for it may no longer take people out of the house."""


@transaction.atomic
def run_now(*, export: ScheduledExport, by: Actor) -> ScheduledExportRun:
    """Ask for a run at once. Raises ``ValidationError`` while one is under way, ``PermissionDenied``."""
    require_export(by)
    run = _begin(ScheduledExport.scoped().select_for_update().get(pk=export.pk), by)
    if run is None:
        raise ValidationError(_("A run of it is under way."), code="busy")
    record(actor=by, action="scheduled_export.run", target=export, name=export.name)
    return run


def _begin(export: ScheduledExport, by: Actor) -> ScheduledExportRun | None:
    from integrations.tasks import carry_out_scheduled_export

    until = timezone.now()
    since = None if export.is_full or export.reached is None else export.reached - OVERLAP
    try:
        with transaction.atomic():
            run = ScheduledExportRun.objects.create(
                export=export, since=since, until=until, asked_by=by.membership, total=len(export.tables) + 1, next_attempt_at=until
            )
    except IntegrityError:
        return None
    enqueue(carry_out_scheduled_export, account_id=run.account_id, run_id=run.pk)
    return run


def begin_due() -> int:
    """Begin every scheduled export of the account in scope whose hour has come. One that is under way is passed over once."""
    now, begun = timezone.now(), 0
    zone: ZoneInfo | None = None
    with transaction.atomic():
        for export in ScheduledExport.scoped().select_for_update(skip_locked=True).filter(is_active=True, next_at__lte=now):
            zone = zone or ZoneInfo(Account.objects.get(pk=export.account_id).timezone)
            ScheduledExport.scoped().filter(pk=export.pk).update(next_at=export.next_after(now, zone=zone))
            begun += _begin(export, SYSTEM) is not None
    return begun


def waiting() -> Any:
    """Ids of runs that nobody works on and whose time has come."""
    return ScheduledExportRun.forgotten().filter(next_attempt_at__lte=timezone.now()).values_list("pk", flat=True)


def carry_out(*, run_id: int) -> None:
    """Write the files, or go on behind those that are written. Safe to call any number of times."""
    if not ScheduledExportRun.free().filter(pk=run_id, next_attempt_at__lte=timezone.now()).exists():
        return
    run = ScheduledExportRun.take(run_id)
    if run is None:
        return
    run.attempts += 1
    try:
        run.beat("attempts")
        _write(run)
    except Cancelled:
        ScheduledExportRun.scoped().filter(pk=run.pk, finished_at=None).update(finished_at=timezone.now())
    except Exception as error:
        words, is_final = _explain(error)
        if not isinstance(error, (HttpError, BucketRefuses, OSError, ValidationError, _NotAllowed)):
            log.exception("scheduled_export_failed", run=run.pk)
        if is_final or run.attempts >= MOST_ATTEMPTS:
            _fail(run, words)
            return
        run.next_attempt_at = timezone.now() + back_off(run.attempts) * 6
        run.error, run.state = words[:300], State.QUEUED
        run.save(update_fields=["next_attempt_at", "error", "state"])


def _explain(error: Exception) -> tuple[str, bool]:
    """Why it broke off, for people, and whether trying again is of no use."""
    if isinstance(error, _NotAllowed):
        return _("Whoever set it up may no longer export. An administrator has to save it again."), True
    if isinstance(error, ValidationError):
        return str(error.messages[0]), True
    if isinstance(error, RefusedAddress):
        return _("The endpoint is in a private network, which this server does not allow."), True
    if isinstance(error, HttpError):
        return _("The bucket's server does not answer: %(error)s") % {"error": error}, False
    if isinstance(error, BucketRefuses):
        return _("The bucket refuses the file: %(error)s") % {"error": error}, error.is_permanent
    if isinstance(error, OSError):
        return _("The folder cannot be written to: %(error)s") % {"error": error.strerror or type(error).__name__}, False
    return f"{type(error).__name__}: {error}", False


@transaction.atomic
def _fail(run: ScheduledExportRun, words: str) -> None:
    run.end(State.FAILED, words)
    record(actor=SYSTEM, action="scheduled_export.fail", target=run.export, name=run.export.name, why=words[:200])


def store_of(export: ScheduledExport) -> Store:
    """Where the files go. Raises ``ValidationError``."""
    if export.place == ScheduledExport.Place.FOLDER:
        slug = Account.objects.only("slug").get(pk=export.account_id).slug
        return FolderStore(account_slug=slug, folder=export.folder)
    secrets: Any = export.secrets
    return BucketStore(
        bucket=export.bucket,
        prefix=export.folder,
        endpoint=export.endpoint,
        region=export.region,
        key_id=secrets.get("key_id", ""),
        key=secrets.get("key", ""),
    )


def folder_of(run: ScheduledExportRun) -> str:
    """Where in the place the run's files are. The same for every attempt, and sorted by time."""
    return f"{run.export_id}/{run.until.astimezone(UTC):%Y%m%dT%H%M%SZ}-{run.pk}"


def _write(run: ScheduledExportRun) -> None:
    export = ScheduledExport.scoped().select_related("owner").get(pk=run.export_id)
    run.export = export
    _require_owner(export)
    store = store_of(export)
    files: dict[str, Any] = dict(run.figures.get("files", {}))
    for table in export.tables:
        if table not in files:
            files[table] = _put(run, store, table, TABLES[table].columns, TABLES[table].rows(run.since, run.until), export.format)
            files[table]["key"] = TABLES[table].key
            run.done = len(files)
            run.figures = {**run.figures, "files": files}
            run.beat()
    if "gone" not in files:
        files["gone"] = {**_put(run, store, "gone", GONE, gone(run.since, run.until), "jsonl"), "key": "hilo_contact"}
    _require_owner(export)
    _put_manifest(run, store, files)
    with transaction.atomic():
        run.figures = {**run.figures, "files": files, "folder": folder_of(run)}
        run.done = run.total = len(files)
        run.end(State.DONE)
        ScheduledExport.scoped().filter(pk=export.pk).update(reached=run.until)
        rows = {name: each["rows"] for name, each in files.items()}
        record(actor=SYSTEM, action="scheduled_export.finish", target=export, name=export.name, rows=rows)


def _require_owner(export: ScheduledExport) -> None:
    owner = export.owner
    try:
        if owner is None or not owner.is_active:
            raise _NotAllowed
        require_export(Actor.person(owner))
    except PermissionDenied as error:
        raise _NotAllowed from error


def _put(run: ScheduledExportRun, store: Store, name: str, columns: Any, lots: Iterator[list[Row]], format: str) -> dict[str, Any]:
    rows = 0

    def counted() -> Iterator[list[Row]]:
        nonlocal rows
        for lot in lots:
            rows += len(lot)
            run.beat()
            yield lot

    file_name = f"{name}.{ENDINGS[format]}"
    with tempfile.TemporaryFile() as file:
        WRITERS[format](columns, counted(), file)
        size = file.tell()
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        store.put(f"{folder_of(run)}/{file_name}", file)
    run.beat()
    schema = [{"name": column, "type": kind} for column, kind in columns.items()]
    return {"file": file_name, "format": format, "rows": rows, "bytes": size, "sha256": digest, "columns": schema}


def _put_manifest(run: ScheduledExportRun, store: Store, files: dict[str, Any]) -> None:
    content = {
        "version": VERSION,
        "export": run.export.name,
        "run": run.pk,
        "is_full": run.since is None,
        "since": _moment(run.since),
        "until": _moment(run.until),
        "written_at": _moment(timezone.now()),
        "tables": files,
    }
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps(content, ensure_ascii=False, indent=2).encode())
        file.seek(0)
        store.put(f"{folder_of(run)}/manifest.json", file)


def _moment(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None
