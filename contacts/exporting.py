"""Everything that is known of a person as one ZIP: ``data.json`` for machines, ``index.html`` to read, and the files."""

import json
import shutil
import zipfile
from collections.abc import Sequence
from typing import IO, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record
from accounts.models import Account
from accounts.roles import Ability, require
from contacts.exporters import Archive, Section, exporters
from contacts.field_words import in_words
from contacts.merging import Refused
from contacts.models import Contact, Identifier, IdentifierKind, Profile
from contacts.queries import FIELD_LABELS

FORMAT = 1


@transaction.atomic
def export(*, profiles: Sequence[Profile], by: Actor, to: IO[bytes]) -> Archive:
    """Write the archive of these profiles of one contact, and the corrections of them, to ``to``, in the active language.

    Raises ``Refused`` for profiles of several contacts or none, ``PermissionDenied``.
    """
    require(by, Ability.EXPORT_PEOPLE)
    wanted = {profile.pk for profile in profiles}
    corrections = Profile.scoped().filter(corrects__in=wanted)
    chosen = [each for each in {*profiles, *corrections} if each.erased_at is None]
    if not chosen:
        raise Refused(_("There is nothing to export."), code="nothing")
    if len({each.contact_id for each in chosen}) > 1:
        raise Refused(_("Choose profiles of one contact."), code="several")
    archive = Archive(tuple(sorted(each.pk for each in chosen)))
    _add_people(archive)
    for exporter in exporters():
        exporter(archive)
    _write(archive, to, account=Account.objects.get(pk=chosen[0].account_id))
    shown = Contact.scoped().get(pk=chosen[0].contact_id)
    record(actor=by, action="contact.export", target=shown, profiles=list(archive.profile_ids), files=len(archive.files))
    return archive


def _add_people(archive: Archive) -> None:
    profiles = Profile.scoped().filter(pk__in=archive.profile_ids).select_related("channel").order_by("first_seen_at", "pk")
    values = []
    for profile in profiles:
        source = str(profile.channel or profile.get_source_display())
        known = [(field, value, profile.given_at.get(field, "")) for field, value in profile.given.items()]
        known += [(field, since["value"], since["at"]) for field, since in profile.later.items()]
        for field, value, at in known:
            label = str(FIELD_LABELS.get(field, field))
            values.append({"field": field, "what": label, "value": in_words(field, value), "at": at, "source": source})
    archive.sections.append(
        Section("values", _("What you told us"), {"what": _("What"), "value": _("Value"), "at": _("When"), "source": _("Through")}, values)
    )
    kinds = dict(IdentifierKind.choices)
    identifiers = [
        {
            "kind": row.kind,
            "what": str(kinds.get(row.kind, row.kind)),
            "value": row.value,
            "raw": row.raw,
            "how_sure": row.certainty,
            "certainty": row.get_certainty_display(),
            "from": row.valid_from,
            "until": row.valid_to,
        }
        for row in Identifier.scoped().filter(profile__in=archive.profile_ids).order_by("pk")
    ]
    columns = {
        "what": _("Kind"),
        "value": _("Address or number"),
        "certainty": _("How sure we are"),
        "from": _("Since"),
        "until": _("Until"),
    }
    archive.sections.append(Section("identifiers", _("How we reach or recognise you"), columns, identifiers))


def _write(archive: Archive, to: IO[bytes], *, account: Account) -> None:
    now = timezone.now()
    missing: list[str] = []
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in archive.files:
            try:
                content = file.open()
            except FileNotFoundError:
                missing.append(file.path)
                continue
            with content, packed.open(file.path, "w") as target:
                shutil.copyfileobj(content, target)
        data: dict[str, Any] = {
            "format": FORMAT,
            "account": account.name,
            "exported_at": now,
            "missing_files": missing,
            **{section.key: section.rows for section in archive.sections},
        }
        packed.writestr("data.json", json.dumps(data, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2))
        packed.writestr("index.html", render_to_string("contacts/export.html", _readable(archive, account, now, missing)))


def _readable(archive: Archive, account: Account, now: Any, missing: list[str]) -> dict[str, Any]:
    tables = [
        {
            "title": section.title,
            "headings": list(section.columns.values()),
            "rows": [[row.get(column) for column in section.columns] for row in section.rows],
        }
        for section in archive.sections
    ]
    return {"account": account, "exported_at": now, "tables": tables, "missing": missing, "stored": {file.path for file in archive.files}}
