"""GET, HEAD and OPTIONS change nothing, at any route of the URL conf, whoever asks: mail scanners follow every link there is.

The routes are walked with addresses that lead somewhere: a real account, real objects, a real unsubscribe link, a real letter, the
link of a double opt-in that nobody has answered.
"""

import secrets
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.actors import SYSTEM
from accounts.scope import account_scope
from consent.fingerprints import point_of
from consent.ledger import record
from consent.models import ConsentEvent, PortalSignIn
from consent.one_click import token_for
from consent.opting_in import ask_to_confirm
from consent.portal.addresses import kept
from consent.portal.signing_in import digest
from consent.portal.visits import add_proof, open_visit
from consent.vocabulary import Action, Origin
from tests.architecture.doors import READS, routes
from tests.architecture.test_permission_matrix import DOORS, address
from tests.architecture.world import World, counted, fingerprint, make_world

# What reading may change, and why.
EXCEPTED = {
    "django_session": "Sessions: a signed-in browser's is kept alive, a page of allauth may open one.",
    "django_migrations": "Not of the product's requests.",
}


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    with django_db_blocker.unblock():
        yield make_world("Filomena")


@pytest.fixture
def visited(world: World, db: None) -> dict[str, Any]:
    """Somebody in the world's portal, with a past, and an unsubscribe link, a letter and a double opt-in that nobody has used."""
    with account_scope(world.account):
        ref = point_of(world.identifier)
        event = record(
            ref=ref,
            action=Action.GRANT,
            origin=Origin.MESSAGE,
            occurred_at=timezone.now() - timedelta(days=1),
            key="walk",
            profile=world.profile,
            channel="email",
            purpose="marketing",
            possession_proven=True,
            by=SYSTEM,
        )
        visit, token = open_visit(at=timezone.now())
        add_proof(visit=visit, ref=ref, at=timezone.now())
        letter, now = secrets.token_urlsafe(32), timezone.now()
        PortalSignIn.objects.create(
            lookup_hmac=ref.lookup,
            client_hmac="0" * 64,
            asker_digest=digest("asker"),
            link_digest=digest(letter),
            code_digest="0" * 64,
            address=kept(ref),
            language="es",
            asked_at=now,
            expires_at=now + timedelta(minutes=15),
            handled_at=now,
        )
        # At an address that has agreed to nothing: whoever agreed already is not asked, and there is no link.
        unasked = world.joined.identifiers.filter(kind="whatsapp").get()
        asked = ask_to_confirm(
            profile=world.joined,
            identifier=unasked,
            purpose="marketing",
            channel="whatsapp",
            origin=Origin.PORTAL,
            occurred_at=now,
        )
        assert asked is not None
        return {
            "confirm": asked,
            "visit": token,
            "letter": letter,
            "event": event,
            "unsubscribe": token_for(ref=ref, profile=world.profile, purpose="marketing"),
        }


def everything(world: World) -> str:
    """One hash over every table there is but the excepted ones."""
    return fingerprint(world) + counted(world, _tables() - EXCEPTED.keys())


@cache
def _tables() -> frozenset[str]:
    with connection.cursor() as cursor:
        return frozenset(connection.introspection.table_names(cursor))


def real_address(name: str, pattern: str, world: World, visited: dict[str, Any]) -> str:
    """Where the route leads somewhere."""
    if name in ("unsubscribe", "undo_unsubscribe"):
        return reverse(name, kwargs={"token": visited["unsubscribe"]})
    if name == "confirm_consent":
        return reverse(name, kwargs={"token": visited["confirm"]})
    if name.startswith("portal:"):
        more = {"event_id": visited["event"].pk} if "event_id" in pattern else {"request_id": 1} if "request_id" in pattern else {}
        query = f"?t={visited['letter']}" if name == "portal:enter" else ""
        return reverse(name, kwargs={"portal": world.account.slug, **more}) + query
    return address(name, of=world)


def clients(world: World, visited: dict[str, Any]) -> dict[str, Client]:
    nobody, admin, visitor = (Client(raise_request_exception=False) for _who in range(3))
    admin.cookies[settings.SESSION_COOKIE_NAME] = world.sessions["admin"]
    visitor.cookies["hilo_portal"] = visited["visit"]
    visitor.cookies["hilo_portal_asker"] = "asker"
    return {"nobody": nobody, "an administrator": admin, "a visitor of the portal": visitor}


def test_no_route_changes_anything_when_it_is_read(world: World, visited: dict[str, Any]) -> None:
    before, changed, answered = everything(world), [], {}

    for name, pattern in routes():
        path = real_address(name, pattern, world, visited)
        for who, client in clients(world, visited).items():
            headers = {"Authorization": f"Bearer {world.secrets['admin']}"} if pattern.startswith("/api/") and who != "nobody" else {}
            for method in READS:
                response = client.generic(method, path, headers=headers)
                answered[(name, who, method)] = response.status_code
                assert response.status_code < 500, (name, who, method)
        if (now := everything(world)) != before:
            changed.append(name)
            before = now

    assert changed == []
    # The walk led somewhere: these would change something if they acted on a GET.
    for name in ("portal:home", "portal:enter", "portal:code", "portal:history", "portal:receipt", "portal:erase", "portal:not_me"):
        assert answered[(name, "a visitor of the portal", "GET")] == 200, name
    for name in ("unsubscribe", "confirm_consent"):
        assert {answered[(name, "nobody", method)] for method in ("GET", "HEAD")} == {200}, name
    assert {answered[(name, "a visitor of the portal", "GET")] for name in ("portal:stop", "portal:switch", "portal:sign_out")} == {405}
    assert {name for name, _pattern in routes()} == DOORS.keys()


@pytest.mark.parametrize("name", ["unsubscribe", "confirm_consent"])
def test_the_walk_would_notice(name: str, world: World, visited: dict[str, Any]) -> None:
    with account_scope(world.account):
        said = ConsentEvent.scoped().count()
    before = everything(world)

    response = Client().post(real_address(name, "", world, visited))

    assert response.status_code == 200
    assert everything(world) != before
    with account_scope(world.account):
        assert ConsentEvent.scoped().count() == said + 1
