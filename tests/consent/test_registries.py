"""Copies of the do-not-call registries: brought in on the page, read by a worker, looked at by the gate."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Account, Membership
from consent.models import RegistryCopy, Suppression
from consent.registries import bring, carry_out, lines
from tests.consent.people import TUESDAY, agree, answered, ask, live_on_sunday, make_person

State = RegistryCopy.State
LISTED, OTHER = "+5491123456789", "+5491187654321"


@pytest.fixture(autouse=True)
def _on_sunday(scoped: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    live_on_sunday(monkeypatch)


def taken(text: str | bytes, admin: Membership, country: str = "AR") -> RegistryCopy:
    content = text.encode() if isinstance(text, str) else text
    copy = bring(country=country, file=ContentFile(content, "lista.csv"), by=Actor.person(admin))
    RegistryCopy.scoped().filter(pk=copy.pk).update(created_at=timezone.now())
    carry_out(run_id=copy.pk)
    copy.refresh_from_db()
    return copy


def test_whoever_is_listed_gets_no_promotion_and_the_others_do(admin: Membership) -> None:
    listed, other = make_person(("phone", LISTED)), make_person(("phone", OTHER))
    for each in (listed, other):
        agree(each)
        assert ask(each, channel="sms").detail == "list_too_old"

    copy = taken(f'Numero;Fecha\n"{LISTED}";2026-01-02\n\n011 15-9999-0000;x\n', admin)

    assert (copy.state, copy.figures) == (State.DONE, {"listed": 2, "unreadable": 1})
    assert (answered(ask(listed, channel="sms")), ask(listed, channel="sms").detail) == (("deny", "registry"), "listed")
    assert ask(other, channel="sms").allowed
    assert not ask(other, channel="sms", at=TUESDAY + timedelta(days=31)).allowed


def test_a_newer_copy_takes_the_place_of_its_country_only(admin: Membership) -> None:
    listed = make_person(("phone", LISTED))
    agree(listed)
    taken(LISTED, admin)
    spanish = taken("ana@ejemplo.es", admin, "ES")

    taken(OTHER, admin)

    assert ask(listed, channel="sms").allowed
    assert Suppression.scoped().filter(registry=spanish).exists()


@pytest.mark.parametrize("content", [LISTED, "nadie"])
def test_the_file_is_deleted_once_it_was_read(admin: Membership, content: str, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        copy = taken(content, admin)

    assert copy.file == ""
    assert not [path for path in Path(default_storage.location).rglob("*") if path.is_file()]  # type: ignore[attr-defined]


@pytest.mark.parametrize("content", ["nombre\nAna\n", "\x00" * 5000, b"\xff\xfe\x00\x01", "x" * 100_000])
def test_a_file_that_is_no_list_changes_nothing(admin: Membership, content: str | bytes) -> None:
    before = taken(LISTED, admin)

    copy = taken(content, admin)

    assert (copy.state, copy.error) == (State.FAILED, "En el archivo no se pudo leer ningún teléfono ni correo.")
    line = next(line for line in lines() if line.country == "AR")
    assert (line.copy, line.failed, line.is_fresh) == (before, copy, True)
    listed = make_person(("phone", LISTED))
    agree(listed)
    assert ask(listed, channel="sms").detail == "listed"


def test_what_makes_no_sense_is_refused(admin: Membership, agent: Membership) -> None:
    for country, content in (("CL", LISTED), ("XX", LISTED), ("AR", "")):
        with pytest.raises(ValidationError):
            bring(country=country, file=ContentFile(content.encode(), "lista.csv"), by=Actor.person(admin))
    with pytest.raises(PermissionDenied):
        bring(country="AR", file=ContentFile(b"1", "lista.csv"), by=Actor.person(agent))
    assert not RegistryCopy.objects.exists()
    bring(country="AR", file=ContentFile(LISTED.encode(), "lista.csv"), by=Actor.person(admin))
    with pytest.raises(ValidationError):
        bring(country="AR", file=ContentFile(LISTED.encode(), "lista.csv"), by=Actor.person(admin))
    assert RegistryCopy.objects.count() == 1


def test_a_worker_that_died_is_followed_by_another(admin: Membership) -> None:
    copy = bring(country="AR", file=ContentFile(LISTED.encode(), "lista.csv"), by=Actor.person(admin))
    assert RegistryCopy.take(copy.pk) is not None
    assert carry_out(run_id=copy.pk).state == State.RUNNING
    RegistryCopy.scoped().filter(pk=copy.pk).update(beat_at=timezone.now() - RegistryCopy.DEAD_AFTER - timedelta(seconds=1))

    assert carry_out(run_id=copy.pk).state == State.DONE


def test_the_page_brings_one_in_and_shows_it(scoped: Account, admin_client: Client, admin: Membership) -> None:
    url = f"/a/{scoped.slug}/settings/registries/"
    assert admin_client.post(url, {"country": "AR"}).status_code == 422
    assert admin_client.post(url, {"country": "CL", "file": ContentFile(b"1", "lista.csv")}).status_code == 422
    assert not RegistryCopy.objects.exists()

    assert admin_client.post(url, {"country": "AR", "file": ContentFile(LISTED.encode(), "lista.csv")}).status_code == 302

    copy = RegistryCopy.objects.get()
    assert "Se está leyendo la copia" in admin_client.get(url).content.decode()
    carry_out(run_id=copy.pk)
    page = admin_client.get(url).content.decode()
    assert "1 dirección" in page
    assert LISTED not in page
