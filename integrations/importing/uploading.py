"""Take an upload in: what it is, how it is read, and what its columns most likely mean."""

from itertools import islice
from pathlib import PurePath

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record
from accounts.models import Account
from accounts.roles import Ability, require
from accounts.scope import current_account_id
from integrations.importing.columns import SAMPLE, TARGETS, guess, target_named
from integrations.importing.encodings import CHOICES
from integrations.importing.rows import FileRefused
from integrations.importing.sniffing import sniff
from integrations.importing.tables import data_rows, local_copy, look_at
from integrations.models.imports import Import, ImportRun

Kind, Format = Import.Kind, Import.Format


@transaction.atomic
def upload(*, file: UploadedFile, kind: str, by: Actor) -> Import:
    """Keep the file, with a guess at its columns. Nothing of it is taken in yet. Raises ``FileRefused``, ``PermissionDenied``."""
    require(by, Ability.IMPORT_PEOPLE)
    size = file.size or 0
    if size > settings.IMPORT_MAX_BYTES:
        most = settings.IMPORT_MAX_BYTES >> 20
        raise FileRefused(_("The file is larger than %(most)d MB. Split it and import the parts.") % {"most": most}, code="too_large")
    content = file.file
    assert content is not None
    format = sniff(content)
    if format == Format.VCARD and kind != Kind.CONTACTS:
        raise FileRefused(_("A vCard holds contacts and nothing else."), code="vcard")
    region = Account.objects.only("default_region").get(pk=current_account_id()).default_region
    imported = Import(
        kind=kind,
        format=format,
        name=PurePath((file.name or "").replace("\x00", "")).name[:200] or "?",
        size=size,
        uploaded_by=by.membership,
        **look_at(content, format=format, region=region),
    )
    content.seek(0)
    imported.file.save("file", file, save=False)
    imported.save()
    imported.refresh_from_db()
    _guess(imported, region)
    record(actor=by, action="import.upload", target=imported, kind=kind, name=imported.name)
    return imported


def _guess(imported: Import, region: str) -> None:
    with local_copy(imported) as file:
        sample = [row.cells for row in islice(data_rows(imported, file), SAMPLE) if not row.problem]
    if imported.format == Format.VCARD:
        imported.mapping = ["external_id" if heading == "uid" else heading for heading in imported.headings]
    else:
        imported.mapping = guess(kind=imported.kind, headings=imported.headings, sample=sample, region=region)
    imported.save(update_fields=["mapping"])


@transaction.atomic
def choose_mapping(
    *, imported: Import, mapping: list[str], by: Actor, encoding: str = "", has_header: bool | None = None, source: str | None = None
) -> Import:
    """Say what the columns mean, in their order; an empty word leaves one out. A check that was made before counts no longer.

    ``source`` is the other system that the ids of a file of conversations are of.

    Raises ``FileRefused`` for a mapping that makes no sense or a file that was run already, ``PermissionDenied``.
    """
    require(by, Ability.IMPORT_PEOPLE)
    fresh = Import.scoped().select_for_update().get(pk=imported.pk)
    require_open(fresh)
    if fresh.runs.filter(kind=ImportRun.Kind.RUN, reached__gt=0).exists():
        raise FileRefused(_("A part of the file was imported already: go on with it, or undo it."), code="begun")
    if encoding not in ("", fresh.encoding, *dict(CHOICES)):
        raise FileRefused(
            _("There is no such encoding. Choose one of: %(choices)s.") % {"choices": ", ".join(dict(CHOICES))}, code="encoding"
        )
    _check(fresh, mapping)
    fresh.mapping = mapping
    if source is not None:
        fresh.source = source.strip()[:60]
    if has_header is not None:
        fresh.has_header = has_header
    if encoding and encoding != fresh.encoding and fresh.format != Format.XLSX:
        region = Account.objects.only("default_region").get(pk=current_account_id()).default_region
        with local_copy(fresh) as file:
            read = look_at(file, format=fresh.format, region=region, encoding=encoding)
        fresh.encoding = encoding
        if len(read["headings"]) == len(mapping):  # type: ignore[arg-type]
            fresh.headings = read["headings"]
    fresh.save()
    fresh.runs.filter(kind=ImportRun.Kind.CHECK).delete()
    return fresh


def require_open(imported: Import) -> None:
    """Raises ``FileRefused`` where the file was run to its end, or is no longer kept."""
    if imported.runs.filter(kind=ImportRun.Kind.RUN, state__in=(*ImportRun.UNFINISHED, ImportRun.State.DONE)).exists():
        raise FileRefused(_("The file was imported already."), code="over")
    if not imported.file:
        raise FileRefused(_("The file is no longer kept: upload it again."), code="gone")


# What a mapping has to have: one of each set.
NEEDED: dict[str, tuple[frozenset[str], ...]] = {
    Kind.CONTACTS: (frozenset({"name", "given_name", "surname", "email", "phone", "whatsapp", "national_id", "customer_number"}),),
    Kind.CONVERSATIONS: (
        frozenset({"conversation"}),
        frozenset({"at"}),
        frozenset({"body"}),
        frozenset({"direction", "agent_email"}),
        frozenset({"name", "email", "phone", "whatsapp", "address"}),
    ),
    Kind.CONSENTS: (frozenset({"address"}), frozenset({"action"})),
}


def _check(imported: Import, mapping: list[str]) -> None:
    if len(mapping) != len(imported.headings):
        raise FileRefused(_("The file has %(count)d columns.") % {"count": len(imported.headings)}, code="mapping")
    used: set[str] = set()
    for name in filter(None, mapping):
        target = target_named(imported.kind, name)
        if target is None:
            raise FileRefused(_("There is no field %(name)s.") % {"name": name}, code="mapping")
        if name in used and not target.repeats:
            raise FileRefused(_("Only one column can be: %(name)s.") % {"name": target.label}, code="mapping")
        used.add(name)
    for one_of in NEEDED[imported.kind]:
        if not one_of & used:
            labels = ", ".join(str(target.label) for target in TARGETS[imported.kind] if target.name in one_of)
            raise FileRefused(_("No column is one of: %(names)s.") % {"names": labels}, code="mapping")
