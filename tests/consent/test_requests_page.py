"""Settings → Rights requests: what waits, by when, and the answer to it."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account
from accounts.scope import account_scope
from consent.answering_requests import carry_out
from consent.models import RightsRequest
from contacts.models import Contact, Profile
from tests.conftest import make_channel
from tests.contacts.stories import writes

pytestmark = pytest.mark.django_db
Kind, Status = RightsRequest.Kind, RightsRequest.Status


@pytest.fixture
def ana(account: Account) -> Profile:
    with account_scope(account):
        return writes(make_channel(account, "whatsapp"), "56987654321", name="Ana Rojas").profile


def asked(account: Account, profile: Profile, kind: str, *, days: int = 10) -> RightsRequest:
    now = timezone.now()
    with account_scope(account):
        return RightsRequest.objects.create(
            kind=kind,
            profile=profile,
            source="portal",
            detail={"profiles": [profile.pk], "beyond": True},
            received_at=now,
            due_at=now + timedelta(days=days),
        )


def url(account: Account, rest: str = "") -> str:
    return f"/a/{account.slug}/settings/requests/{rest}"


def work(account: Account, request: RightsRequest) -> RightsRequest:
    with account_scope(account):
        carry_out(request_id=request.pk)
        request.refresh_from_db()
    return request


def test_an_empty_page_says_what_will_come(admin_client: Client, account: Account) -> None:
    page = admin_client.get(url(account)).content.decode()
    assert "Nadie espera una respuesta" in page
    assert 'aria-current="page"' in page


def test_an_archive_is_made_and_fetched(admin_client: Client, account: Account, ana: Profile) -> None:
    request = asked(account, ana, Kind.ACCESS, days=-1)
    page = admin_client.get(url(account)).content.decode()
    assert "Ana Rojas" in page
    assert "Atrasada" in page
    assert "tiene otras fuentes" in page

    assert admin_client.post(url(account, f"{request.pk}/begin/")).status_code == 302
    assert "está en eso" in admin_client.get(url(account)).content.decode()
    assert work(account, request).status == Status.DONE

    answer = admin_client.get(url(account, f"{request.pk}/archive/"))
    assert answer["Content-Type"] == "application/zip"
    assert b"".join(answer.streaming_content).startswith(b"PK")  # type: ignore[attr-defined]
    with account_scope(account):
        request.outcome["expires_at"] = (timezone.now() - timedelta(days=1)).isoformat()
        request.save()
    assert admin_client.get(url(account, f"{request.pk}/archive/")).status_code == 404


def test_erasing_wants_the_tick(admin_client: Client, account: Account, ana: Profile) -> None:
    request = asked(account, ana, Kind.ERASURE)
    admin_client.post(url(account, f"{request.pk}/begin/"))
    assert work(account, request).status == Status.RECEIVED
    with account_scope(account):
        assert not Contact.scoped().get(pk=ana.contact_id).is_erased

    admin_client.post(url(account, f"{request.pk}/begin/"), {"understood": "yes"})
    assert work(account, request).status == Status.DONE

    with account_scope(account):
        assert Contact.scoped().get(pk=ana.contact_id).is_erased
    assert "Mensajes eliminados" in admin_client.get(url(account)).content.decode()


def test_one_is_refused_with_a_reason(admin_client: Client, account: Account, ana: Profile) -> None:
    request = asked(account, ana, Kind.OBJECTION)
    admin_client.post(url(account, f"{request.pk}/close/"), {"decision": "refused", "reason": " "})
    assert work(account, request).status == Status.RECEIVED
    admin_client.post(url(account, f"{request.pk}/close/"), {"decision": "refused", "reason": "No hay <datos>"})
    page = admin_client.get(url(account)).content.decode()
    assert "No hay &lt;datos&gt;" in page
    assert "Nadie espera una respuesta" in page
