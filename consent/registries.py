"""The countries' do-not-call registries: an administrator brings in a copy, a worker reads it, the gate looks at it (row 8).

A copy takes the place of the country's former one when it was read to its end; until then both hold. The file is deleted once it was
read: what stays are fingerprints.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

import structlog
from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record as audit
from accounts.background_runs import Cancelled
from accounts.queueing import enqueue
from accounts.roles import Ability, require
from consent.country_rules import Rules, all_rules
from consent.fingerprints import PointRef, point_ref
from consent.models import RegistryCopy, Suppression
from consent.vocabulary import SuppressionReason
from contacts.normalising import normal

log = structlog.get_logger("hilo.registries")
State = RegistryCopy.State
# Lines that are read between two signs of life.
AT_ONCE = 2000
LONGEST_LINE = 1000
LARGEST = 1 << 30  # bytes
CELLS = re.compile(r"[;,\t|]")


@dataclass(frozen=True)
class Line:
    """One country that has a registry, and what we have of it. ``until``: when the latest copy is too old."""

    country: str
    rule: dict[str, Any]
    running: RegistryCopy | None = None
    copy: RegistryCopy | None = None
    failed: RegistryCopy | None = None

    @property
    def is_fresh(self) -> bool:
        return self.copy is not None and (timezone.now() - self.copy.created_at).days < int(self.rule["max_age_days"])


def lines() -> list[Line]:
    """Every country that has a registry, with the latest copy of it. Five queries."""
    found: dict[str, dict[str, RegistryCopy]] = {}
    for state in (State.DONE, *RegistryCopy.UNFINISHED, State.FAILED):
        for copy in (
            RegistryCopy.scoped().filter(state=state).select_related("asked_by__user").order_by("country", "-pk").distinct("country")
        ):
            word = "running" if state in RegistryCopy.UNFINISHED else "copy" if state == State.DONE else "failed"
            found.setdefault(copy.country, {})[word] = copy
    shown = []
    for country, rules in sorted(all_rules().items()):
        if rule := registry_of(rules):
            known = found.get(country, {})
            if "failed" in known and "copy" in known and known["failed"].pk < known["copy"].pk:
                del known["failed"]
            shown.append(Line(country, rule, **known))
    return shown


def registry_of(rules: Rules) -> dict[str, Any] | None:
    found: dict[str, Any] | None = rules.values.get("registry")
    return found


@transaction.atomic
def bring(*, country: str, file: File, by: Actor) -> RegistryCopy:
    """Keep a copy of a country's registry for a worker to read. The copy is as old as this moment.

    ``file``: text with one phone or email a line, or a table whose first readable cell is one. Raises ``ValidationError`` for a country
    without a registry, a file that is empty or too large, or while another copy of the country is read; ``PermissionDenied``.
    """
    require(by, Ability.MANAGE_CONSENT)
    rules = all_rules().get(country)
    if rules is None or registry_of(rules) is None:
        raise ValidationError(_("The rules of this country name no registry."), code="country")
    if not file.size:
        raise ValidationError(_("The file is empty."), code="empty")
    if file.size > LARGEST:
        raise ValidationError(_("The file is larger than %(most)d MB.") % {"most": LARGEST >> 20}, code="too_large")
    if RegistryCopy.unfinished().filter(country=country).exists():
        raise ValidationError(_("A copy of this registry is being read. Wait until it is done."), code="running")
    copy = RegistryCopy(country=country, name=_name(file), asked_by=by.membership)
    copy.file = default_storage.save(f"registries/{country.lower()}", file)
    copy.save()
    audit(actor=by, action="registry.bring", target=copy, country=country, name=copy.name)
    from consent.tasks import carry_out_registry_copy

    enqueue(carry_out_registry_copy, account_id=copy.account_id, run_id=copy.pk)
    return copy


def carry_out(*, run_id: int) -> RegistryCopy:
    """Read the copy, unless somebody does so already; returns the row as it ended. Safe to run twice."""
    run = RegistryCopy.take(run_id)
    if run is None:
        return RegistryCopy.scoped().get(pk=run_id)
    try:
        _read(run)
    except Cancelled:
        run.refresh_from_db()
    except Exception as error:
        log.exception("registry_failed", run=run.pk)
        _end(run, State.FAILED, f"{type(error).__name__}: {error}")
    return run


def _read(run: RegistryCopy) -> None:
    run.figures = {"listed": 0, "unreadable": 0}
    with default_storage.open(run.file) as file:
        run.total = file.size
        lines = _cells(file)
        while lot := list(islice(lines, AT_ONCE)):
            refs = [ref for cells in lot if (ref := _address(cells, run.country)) is not None]
            with transaction.atomic():
                _list(run, refs)
            run.figures["listed"] += len(refs)
            run.figures["unreadable"] += len(lot) - len(refs)
            run.done = min(run.total, file.tell())
            run.beat()
    if not run.figures["listed"]:
        # A wrong file must not pass for a registry that names nobody.
        _end(run, State.FAILED, _("No phone and no email could be read in the file."))
        return
    with transaction.atomic():
        older = RegistryCopy.scoped().filter(country=run.country, pk__lt=run.pk)
        Suppression.scoped().filter(reason=SuppressionReason.REGISTRY, registry__in=older).delete()
        _end(run, State.DONE)


def _end(run: RegistryCopy, state: str, error: str = "") -> None:
    name, run.file = run.file, ""
    run.done = run.total
    run.end(state, error)
    transaction.on_commit(lambda: default_storage.delete(name))


def _cells(file: IO[bytes]) -> Iterator[list[str]]:
    """The cells of each line that has any; of a line that never ends only the beginning."""
    while raw := file.readline(LONGEST_LINE):
        text = raw.decode(errors="replace").strip().strip("\ufeff")
        if text:
            yield [cell.strip(" \"'") for cell in CELLS.split(text)]


def _address(cells: list[str], country: str) -> PointRef | None:
    for cell in cells:
        kind = "email" if "@" in cell else "phone"
        if (value := normal(kind, cell, region=country)) is not None:
            return point_ref(kind=kind, value=value.value)
    return None


def _list(run: RegistryCopy, refs: list[PointRef]) -> None:
    rows = {
        (each.hmac, each.form): Suppression(
            kind=ref.kind,
            hmac=each.hmac,
            form=each.form,
            key_version=each.key_version,
            reason=SuppressionReason.REGISTRY,
            at=run.created_at,
            registry=run,
        )
        for ref in refs
        for each in ref.everything
    }
    Suppression.objects.bulk_create(
        rows.values(),
        update_conflicts=True,
        unique_fields=["account", "hmac", "form", "scope", "reason"],
        update_fields=["at", "registry"],
    )


def _name(file: File) -> str:
    return (file.name or "").replace("\x00", "").rsplit("/", 1)[-1][:200]
