"""A person's part of consent, for the export: their points, preferences, everything the ledger says of them, and their requests."""

import base64
import io
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from consent.evidence import read_evidence
from consent.models import ConsentEvent, ContactPoint, Evidence, Preference, Purpose, RightsRequest
from consent.points import ADDRESSES, linked
from consent.purposes import name_of
from consent.vocabulary import Action, Origin
from contacts.exporters import Archive, ExportedFile, Section
from contacts.marking import is_shared, shared_key
from contacts.models import Identifier


def export_consents(archive: Archive) -> None:
    """Registered with ``contacts.exporters``. What others said at an address that several people share stays theirs."""
    identifiers = Identifier.scoped().filter(profile__in=archive.profile_ids, kind__in=ADDRESSES).order_by("pk")
    links = linked(identifiers)
    shared = set(is_shared({shared_key(each.identifier) for each in links}))
    addresses = {each.ref.lookup: each.identifier.value for each in links}
    alone = {each.ref.lookup for each in links if shared_key(each.identifier) not in shared}
    points = list(ContactPoint.scoped().filter(lookup_hmac__in=addresses).order_by("pk"))
    archive.sections += [
        _points(points, addresses),
        _preferences(archive),
        _events(archive, points, addresses, alone),
        _requests(archive),
    ]


def _points(points: Iterable[ContactPoint], addresses: dict[str, str]) -> Section:
    rows = [
        {
            "address": addresses[point.lookup_hmac],
            "kind": point.kind,
            "verified_at": point.verified_at,
            "country": point.country,
            "timezone": point.timezone,
            "fingerprint": point.lookup_hmac,
        }
        for point in points
    ]
    columns = {
        "address": _("Address or number"),
        "verified_at": _("Last shown to be yours"),
        "country": _("Country"),
        "timezone": _("Time zone"),
        "fingerprint": _("Fingerprint"),
    }
    return Section("contact_points", _("Your addresses, as your choices name them"), columns, rows)


def _preferences(archive: Archive) -> Section:
    names = ("language", "channels", "timezone", "quiet_from", "quiet_to", "cap_count", "cap_days", "paused_until", "updated_at")
    found = Preference.scoped().filter(profile__in=archive.profile_ids).order_by("pk")
    rows = [{**{name: getattr(row, name) for name in names}, "in_order": ", ".join(row.channels)} for row in found]
    columns = {
        "language": _("Language"),
        "in_order": _("Channel"),
        "timezone": _("Time zone"),
        "quiet_from": _("Quiet from"),
        "quiet_to": _("Quiet until"),
        "cap_count": _("Messages at most"),
        "cap_days": _("In so many days"),
        "paused_until": _("Paused until"),
        "updated_at": _("When"),
    }
    return Section("preferences", _("How you want to be written to"), columns, rows)


def _events(archive: Archive, points: Iterable[ContactPoint], addresses: dict[str, str], alone: set[str]) -> Section:
    by_id = {point.pk: addresses[point.lookup_hmac] for point in points}
    unshared = [point.pk for point in points if point.lookup_hmac in alone]
    mine = Q(profile__in=archive.profile_ids) | Q(point__in=by_id, profile=None) | Q(point__in=unshared, possession_proven=True)
    purposes = {purpose.key: name_of(purpose, get_language() or "") for purpose in Purpose.scoped()}
    found = ConsentEvent.scoped().filter(mine).select_related("notice", "evidence__key").order_by("occurred_at", "pk")
    rows = []
    for event in found:
        proof = _proof(event.evidence) if event.profile_id in archive.profile_ids else {}
        rows.append(
            {
                "at": event.occurred_at,
                "recorded_at": event.recorded_at,
                "action": event.action,
                "what": str(Action(event.action).label),
                "purpose": event.purpose,
                "about": purposes.get(event.purpose, event.purpose) if event.purpose else _("Everything but service"),
                "channel": event.channel,
                "address": by_id.get(event.point_id, ""),
                "source": event.source,
                "how": str(Origin(event.source).label),
                "reason": event.reason,
                "possession_proven": event.possession_proven,
                "wording": event.notice.text if event.notice else "",
                "wording_number": event.notice.number if event.notice else None,
                "wording_language": event.notice.language if event.notice else "",
                "wording_sha256": event.notice.sha256 if event.notice else "",
                "said": str(proof.get("said") or proof.get("wording") or ""),
                "proof": proof,
                "files": _add_file(archive, event, proof),
                "sequence": event.sequence,
                "hash": event.hash,
            }
        )
    columns = {
        "at": _("When"),
        "what": _("What"),
        "about": _("About"),
        "channel": _("Channel"),
        "address": _("Address or number"),
        "how": _("How"),
        "wording": _("The wording"),
        "said": _("What was said"),
        "files": _("Files"),
    }
    return Section("consent_events", _("What you agreed to and refused"), columns, rows)


def _proof(evidence: Evidence | None) -> dict[str, Any]:
    """What proves it; empty where the key is gone or the evidence was changed, which ``manage.py verify_ledger`` says."""
    if evidence is None:
        return {}
    try:
        return dict(read_evidence(evidence) or {})
    except ValueError:
        return {}


def _add_file(archive: Archive, event: ConsentEvent, proof: dict[str, Any]) -> list[str]:
    """A file of the proof goes beside the data; in the proof its path stands in the place of its bytes."""
    kept = proof.get("file")
    if not isinstance(kept, dict) or "content" not in kept:
        return []
    content = base64.b64decode(kept["content"])
    ending = "".join(c for c in PurePath(str(kept.get("name", ""))).suffix.lower() if c.isalnum())[:10]
    path = f"consent/{event.pk}{f'.{ending}' if ending else ''}"
    archive.files.append(ExportedFile(path, lambda: io.BytesIO(content)))
    proof["file"] = path
    return [path]


def _requests(archive: Archive) -> Section:
    found = RightsRequest.scoped().filter(profile__in=archive.profile_ids).order_by("received_at", "pk")
    rows = [
        {
            "kind": row.kind,
            "what": row.get_kind_display(),
            "status": row.status,
            "state": row.get_status_display(),
            "received_at": row.received_at,
            "due_at": row.due_at,
            "closed_at": row.closed_at,
            "fields": row.detail.get("fields", {}),
            "reason": str(row.outcome.get("reason", "")),
        }
        for row in found
    ]
    columns = {
        "what": _("What"),
        "state": _("State"),
        "received_at": _("Asked on"),
        "due_at": _("Due on"),
        "closed_at": _("Answered on"),
        "reason": _("Answer"),
    }
    return Section("rights_requests", _("What you asked for by right"), columns, rows)
