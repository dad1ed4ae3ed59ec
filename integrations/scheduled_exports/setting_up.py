"""Set a scheduled export up, change it, stop it, delete it."""

from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record
from accounts.models import Account
from accounts.scope import current_account_id
from integrations.exporting.running import require_export
from integrations.models.scheduled_exports import ScheduledExport
from integrations.scheduled_exports.buckets import require_bucket
from integrations.scheduled_exports.folders import require_folder

MOST = 20


@dataclass(frozen=True)
class Wish:
    """What somebody typed in. ``key_id`` and ``key`` empty: those that are kept stay."""

    name: str
    tables: list[str]
    format: str
    place: str
    rhythm: str = ScheduledExport.Rhythm.DAILY
    hour: str = "3"
    weekday: str = "0"
    is_full: bool = False
    folder: str = ""
    bucket: str = ""
    endpoint: str = ""
    region: str = ""
    key_id: str = ""
    key: str = field(default="", repr=False)


@transaction.atomic
def save(*, wish: Wish, by: Actor, export: ScheduledExport | None = None) -> ScheduledExport:
    """Make one, or change ``export``. From then on ``by`` answers for it. Raises ``ValidationError``, ``PermissionDenied``."""
    require_export(by)
    if by.membership is None:
        raise ValidationError(_("Somebody has to answer for it."), code="owner")
    if export is None and ScheduledExport.scoped().count() >= MOST:
        raise ValidationError(_("There are %(most)d of them already.") % {"most": MOST}, code="too_many")
    fresh = ScheduledExport() if export is None else ScheduledExport.scoped().select_for_update().get(pk=export.pk)
    before = (fresh.place, fresh.endpoint, fresh.bucket)
    for name, value in _checked(wish).items():
        setattr(fresh, name, value)
    _keep_secrets(fresh, wish, before)
    zone = ZoneInfo(Account.objects.get(pk=current_account_id()).timezone)
    fresh.owner, fresh.next_at = by.membership, fresh.next_after(timezone.now(), zone=zone)
    # Whoever reads the new place has nothing of what was written elsewhere.
    if export is not None and (fresh.place, fresh.endpoint, fresh.bucket) != before:
        fresh.reached = None
    fresh.save()
    action = "scheduled_export.create" if export is None else "scheduled_export.update"
    record(actor=by, action=action, target=fresh, name=fresh.name, tables=fresh.tables, place=fresh.place, format=fresh.format)
    return fresh


def _checked(wish: Wish) -> dict[str, Any]:
    tables = [table for table in ScheduledExport.Table.values if table in wish.tables]
    name = wish.name.strip()[:80]
    if not name:
        raise ValidationError(_("Give it a name."), code="name")
    if not tables:
        raise ValidationError(_("Choose at least one table."), code="tables")
    choices = (
        (wish.format, ScheduledExport.Format.values),
        (wish.place, ScheduledExport.Place.values),
        (wish.rhythm, ScheduledExport.Rhythm.values),
        (wish.hour, [str(hour) for hour in range(24)]),
        (wish.weekday, [str(day) for day in range(7)]),
    )
    if any(value not in known for value, known in choices):
        raise ValidationError(_("There is no such choice."), code="unknown")
    values: dict[str, Any] = {
        "name": name,
        "tables": tables,
        "format": wish.format,
        "place": wish.place,
        "rhythm": wish.rhythm,
        "hour": int(wish.hour),
        "weekday": int(wish.weekday),
        "is_full": wish.is_full,
    }
    if wish.place == ScheduledExport.Place.FOLDER:
        return {**values, "folder": require_folder(wish.folder), "bucket": "", "endpoint": "", "region": ""}
    bucket, prefix, endpoint = wish.bucket.strip(), wish.folder.strip().strip("/"), wish.endpoint.strip().rstrip("/")
    require_bucket(bucket=bucket, prefix=prefix, endpoint=endpoint)
    return {**values, "folder": prefix, "bucket": bucket, "endpoint": endpoint[:300], "region": wish.region.strip()[:40]}


def _keep_secrets(export: ScheduledExport, wish: Wish, before: tuple[str, str, str]) -> None:
    if export.place == ScheduledExport.Place.FOLDER:
        export.secrets = {}
    elif wish.key_id.strip() and wish.key.strip():
        export.secrets = {"key_id": wish.key_id.strip(), "key": wish.key.strip()}
    elif not export.secrets or (export.place, export.endpoint, export.bucket) != before:
        # A key is never sent to another place than the one it was given for.
        raise ValidationError(_("Give the access key and its secret."), code="secrets")


@transaction.atomic
def switch(*, export: ScheduledExport, is_active: bool, by: Actor) -> None:
    """Let it rest, or go on from its next hour. Raises ``PermissionDenied``."""
    require_export(by)
    fresh = ScheduledExport.scoped().select_for_update().get(pk=export.pk)
    fresh.is_active = is_active
    if is_active:
        zone = ZoneInfo(Account.objects.get(pk=fresh.account_id).timezone)
        fresh.next_at = fresh.next_after(timezone.now(), zone=zone)
    fresh.save(update_fields=["is_active", "next_at"])
    record(actor=by, action="scheduled_export.update", target=fresh, name=fresh.name, is_active=is_active)


@transaction.atomic
def delete(*, export: ScheduledExport, by: Actor) -> None:
    """Files that were written stay where they are. Raises ``PermissionDenied``."""
    require_export(by)
    fresh = ScheduledExport.scoped().select_for_update().get(pk=export.pk)
    record(actor=by, action="scheduled_export.delete", target=fresh, name=fresh.name)
    fresh.delete()
