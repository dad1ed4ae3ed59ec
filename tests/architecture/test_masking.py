"""With masking on, no page and no answer of the API shows a member the full email or phone of anybody, and sending still works."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse

from accounts.models import Account, AuditEntry
from accounts.roles import ABILITIES, Role
from accounts.scope import account_scope
from contacts.masking import MASKED_KINDS, masked
from contacts.models import Identifier
from contacts.queries import readable
from inbox.models import Message
from tests.architecture.doors import Door
from tests.architecture.test_permission_matrix import DOORS, knock, of_kind
from tests.architecture.world import World, make_world

EVERYBODY_MASKED = {"agent": "hidden", "supervisor": "on_request", "admin": "on_request"}


@pytest.fixture(scope="module")
def masked_world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """An account in which nobody sees addresses, made once and for good."""
    with django_db_blocker.unblock():
        world = make_world("Mascarada")
        with account_scope(world.account):
            Account.objects.filter(pk=world.account.pk).update(masking=EVERYBODY_MASKED)
            # Somebody says an address in a message, on two lines and as people write it at home.
            Message.objects.filter(pk=world.message.pk).update(body="Escriban a\nmascarada56911112222@ejemplo.cl\no al 9 1111 2222")
        yield world


@pytest.fixture
def world(masked_world: World, db: None) -> World:
    attachment = masked_world.attachment
    attachment.file.storage.save(attachment.file.name, ContentFile(b"nada"))
    attachment.file.storage.save(masked_world.answered_request.outcome["archive"], ContentFile(b"nada"))
    return masked_world


def spellings(world: World) -> set[str]:
    """Every way in which the account's addresses could stand in an answer, in lower case."""
    with account_scope(world.account):
        rows = list(Identifier.scoped().filter(kind__in=MASKED_KINDS))
    found = {text for row in rows for text in (row.value, row.raw, row.key, readable(row.kind, row.value))}
    found |= {"9 1111 2222", *(quote(text, safe="") for text in found)}
    assert len(found) > 10
    return {text.lower() for text in found}


def may(door: Door, role: str) -> bool:
    ability = door.ability("GET")
    return ability is None or ability in ABILITIES[role]


@pytest.mark.parametrize("role", list(Role))
def test_no_door_shows_an_address(role: str, world: World) -> None:
    hidden = spellings(world)
    opened = 0
    for name in of_kind("page", "api"):
        if not DOORS[name].takes("GET") or not may(DOORS[name], role):
            continue
        response = knock(name, "GET", of=world, by=world, role=role)
        assert response.status_code < 500, name
        if response.streaming:
            continue
        text = response.content.decode().lower()
        assert [each for each in hidden if each in text] == [], name
        opened += 1
    assert opened > 20


def test_the_same_doors_show_them_to_who_sees_all(world: World) -> None:
    with account_scope(world.account):
        Account.objects.filter(pk=world.account.pk).update(masking={})
    hidden = spellings(world)
    for name in ("inbox:conversation", "contacts:contact", "contacts:directory", "api:contact", "api:messages", "api:contacts"):
        text = knock(name, "GET", of=world, by=world, role="admin").content.decode().lower()
        assert any(each in text for each in hidden), name


def signed_in(world: World, role: str) -> Client:
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = world.sessions[role]
    return client


def test_one_value_is_shown_by_a_click_that_the_audit_tells_of(world: World) -> None:
    with account_scope(world.account):
        email = Identifier.scoped().filter(profile=world.profile, kind="email")[0]
    path = reverse("contacts:show_value", args=[world.account.slug, world.contact.pk, email.pk])

    page = signed_in(world, "supervisor").get(reverse("contacts:contact", args=[world.account.slug, world.contact.pk])).content.decode()
    assert path in page
    shown = signed_in(world, "supervisor").post(path, headers={"HX-Request": "true"})
    assert email.value in shown.content.decode()
    assert email.value in signed_in(world, "supervisor").post(path).content.decode()

    with account_scope(world.account):
        entries = list(AuditEntry.scoped().filter(action="identifier.show"))
    assert [(entry.target_id, entry.membership_id) for entry in entries] == [(email.pk, world.members["supervisor"].pk)] * 2
    assert entries[0].detail == {"kind": "email", "value": masked("email", email.value)}


def test_whoever_sees_masks_only_is_refused_and_nothing_is_noted(world: World) -> None:
    with account_scope(world.account):
        email = Identifier.scoped().filter(profile=world.profile, kind="email")[0]
    path = reverse("contacts:show_value", args=[world.account.slug, world.contact.pk, email.pk])

    page = signed_in(world, "agent").get(reverse("contacts:contact", args=[world.account.slug, world.contact.pk])).content.decode()
    assert path not in page
    answer = signed_in(world, "agent").post(path)

    assert answer.status_code == 403
    assert email.value not in answer.content.decode()
    with account_scope(world.account):
        assert not AuditEntry.scoped().filter(action="identifier.show").exists()


def test_sending_to_a_masked_address_works(world: World) -> None:
    with account_scope(world.account):
        whatsapp = Identifier.scoped().get(profile=world.profile, kind="whatsapp")
        before = Message.scoped().filter(direction="out").count()
    answer = signed_in(world, "agent").post(
        reverse("inbox:write", args=[world.account.slug, world.conversation.pk]),
        {"mode": "reply", "to": f"{world.channel.pk}:{whatsapp.pk}", "body": "Va en camino"},
    )
    assert answer.status_code < 400, answer.content.decode()[:500]
    with account_scope(world.account):
        sent = Message.scoped().filter(direction="out").latest("pk")
        assert Message.scoped().filter(direction="out").count() == before + 1
    assert sent.identifier_id == whatsapp.pk


def test_a_masked_value_is_never_saved_over_the_real_one(world: World) -> None:
    with account_scope(world.account):
        before = world.contact.name
    for path, body in (
        (reverse("contacts:correct", args=[world.account.slug, world.contact.pk]), {"field": "name", "value": "+56 •••• 222"}),
        (reverse("contacts:add_identifier", args=[world.account.slug, world.contact.pk]), {"kind": "email", "value": "m•••@e•••.cl"}),
    ):
        signed_in(world, "agent").post(path, body)
    with account_scope(world.account):
        world.contact.refresh_from_db()
        assert world.contact.name == before
        assert not Identifier.scoped().filter(value__contains="•").exists()
