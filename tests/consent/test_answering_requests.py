"""Requests by right, answered by a worker: an archive that can be fetched for a week, or an erasure that leaves a report."""

import json
import zipfile
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.storage import default_storage
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Account, AuditEntry, Membership
from consent.answering_requests import archive_of, begin, begun, carry_out, close, forget_expired_archives
from consent.models import RightsRequest
from contacts.models import Contact, Profile
from tests.conftest import make_channel
from tests.contacts.stories import writes

pytestmark = pytest.mark.django_db
Kind, Status = RightsRequest.Kind, RightsRequest.Status


@pytest.fixture
def ana(scoped: Account) -> Profile:
    return writes(make_channel(scoped, "whatsapp"), "56987654321", name="Ana Rojas").profile


@pytest.fixture
def boss(admin: Membership) -> Actor:
    return Actor.person(admin)


def asked(profile: Profile, kind: str) -> RightsRequest:
    now = timezone.now()
    return RightsRequest.objects.create(
        kind=kind, profile=profile, source="portal", detail={"profiles": [profile.pk]}, received_at=now, due_at=now + timedelta(days=30)
    )


def test_an_archive_is_made_and_can_be_fetched_for_a_week(ana: Profile, boss: Actor) -> None:
    request = asked(ana, Kind.ACCESS)
    begin(request=request, by=boss)

    carry_out(request_id=request.pk)
    carry_out(request_id=request.pk)

    request.refresh_from_db()
    assert (request.status, request.assignee_id) == (Status.DONE, boss.membership and boss.membership.pk)
    path = archive_of(request)
    with default_storage.open(path) as packed, zipfile.ZipFile(packed) as archive:
        assert "Ana Rojas" in {row["value"] for row in json.loads(archive.read("data.json"))["values"]}
    assert forget_expired_archives() == 0
    request.outcome["expires_at"] = (timezone.now() - timedelta(seconds=1)).isoformat()
    request.save()
    assert archive_of(request) == ""
    assert forget_expired_archives() == 1
    assert not default_storage.exists(path)


def test_an_erasure_leaves_a_report_and_no_data(ana: Profile, boss: Actor) -> None:
    request = asked(ana, Kind.ERASURE)
    begin(request=request, by=boss)

    carry_out(request_id=request.pk)

    request.refresh_from_db()
    assert request.status == Status.DONE
    assert request.outcome["report"]["removed"]["profiles"] == 1
    assert Contact.scoped().get(pk=ana.contact_id).is_erased
    # A second request finds nothing, and says so.
    again = asked(ana, Kind.ERASURE)
    begin(request=again, by=boss)
    carry_out(request_id=again.pk)
    again.refresh_from_db()
    assert (again.status, again.outcome["nothing"]) == (Status.DONE, True)


def test_what_sits_with_somebody_else_by_now_is_left_alone(ana: Profile, boss: Actor, scoped: Account) -> None:
    other = writes(make_channel(scoped, "webchat"), "5b1d7d0c-7d3f-4a56-8f3a-0d3ac0ffee01", 1, name="Juan", email="j@uno.cl").profile
    request = asked(ana, Kind.ERASURE)
    request.detail = {"profiles": [ana.pk, other.pk]}
    request.save()
    begin(request=request, by=boss)

    carry_out(request_id=request.pk)

    other.refresh_from_db()
    assert other.erased_at is None
    assert other.given["name"] == "Juan"


def test_a_request_that_the_broker_lost_is_found(ana: Profile, boss: Actor) -> None:
    request = asked(ana, Kind.ACCESS)
    begin(request=request, by=boss)
    assert list(begun()) == []
    request.refresh_from_db()
    request.outcome["begun_at"] = (timezone.now() - timedelta(minutes=1)).isoformat()
    request.save()
    assert list(begun()) == [request]


def test_one_is_closed_by_hand_with_a_reason_and_only_once(ana: Profile, boss: Actor) -> None:
    request = asked(ana, Kind.OBJECTION)
    with pytest.raises(ValidationError):
        close(request=request, by=boss, reason="  ")
    with pytest.raises(ValidationError):
        begin(request=request, by=boss)
    request.refresh_from_db()
    assert request.status == Status.RECEIVED
    close(request=request, by=boss, reason="No eres tú", refused=True)
    with pytest.raises(ValidationError):
        close(request=request, by=boss, reason="Otra vez")
    request.refresh_from_db()
    assert (request.status, request.outcome) == (Status.REFUSED, {"reason": "No eres tú"})


def test_who_may_not_changes_nothing(ana: Profile, supervisor: Membership) -> None:
    request = asked(ana, Kind.ERASURE)
    for act in (begin, lambda **named: close(reason="x", **named)):
        with pytest.raises(PermissionDenied):
            act(request=request, by=Actor.person(supervisor))
    request.refresh_from_db()
    assert (request.status, request.outcome) == (Status.RECEIVED, {})
    carry_out(request_id=request.pk)
    assert not Contact.scoped().get(pk=ana.contact_id).is_erased
    assert not AuditEntry.scoped().filter(action__startswith="rights_request").exists()
