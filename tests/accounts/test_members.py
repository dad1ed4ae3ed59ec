"""Members: invited by letter, never without an administrator."""

import re
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client

from accounts import members
from accounts.actors import SYSTEM, Actor
from accounts.invitations import LetterNotSent, send_invitation
from accounts.models import Account, ApiToken, AuditEntry, Membership, User
from accounts.scope import account_scope
from accounts.tokens import create_token
from tests.conftest import make_account, make_member
from tests.threads import at_once

NEW_PASSWORD = "otra-clave-larga-2026"


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def test_who_is_invited_chooses_a_password_and_comes_in(scoped: Account, admin: Membership, settings: Any) -> None:
    membership = members.invite(email=" Nora@Ejemplo.cl ", name="Nora", role="agent", by=Actor.person(admin))
    send_invitation(membership=membership, invited_by="Ana")

    letter = mail.outbox[0]
    assert letter.to == ["nora@ejemplo.cl"]
    link = re.search(r"http\S+", letter.body)[0].removeprefix(settings.PUBLIC_URL)
    client = Client()
    page = client.get(link, follow=True)
    answer = client.post(page.request["PATH_INFO"], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert answer.status_code == 302
    assert client.login(email="nora@ejemplo.cl", password=NEW_PASSWORD)
    # The link works once.
    again = Client().get(link, follow=True)
    assert b"password1" not in again.content
    assert actions() == ["member.invite"]


def test_who_works_elsewhere_keeps_name_and_password(scoped: Account, admin: Membership, outsider: Membership) -> None:
    before = outsider.user.password
    membership = members.invite(email=outsider.user.email, name="Otro nombre", role="supervisor", by=Actor.person(admin))
    send_invitation(membership=membership, invited_by="Ana")

    user = User.objects.get(pk=outsider.user_id)
    assert (user.password, user.name, membership.role) == (before, outsider.user.name, "supervisor")
    assert "password/reset" not in mail.outbox[0].body


def test_a_letter_that_is_not_taken_is_told(scoped: Account, admin: Membership, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    with pytest.raises(LetterNotSent):
        send_invitation(membership=admin, invited_by="Ana")


@pytest.mark.parametrize(
    ("email", "role", "field"), [("no-es-correo", "agent", "email"), ("", "agent", "email"), ("n@ejemplo.cl", "boss", "role")]
)
def test_a_wrong_invitation_is_refused(scoped: Account, admin: Membership, email: str, role: str, field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        members.invite(email=email, name="", role=role, by=Actor.person(admin))

    assert refused.value.message_dict.keys() == {field}
    assert Membership.objects.count() == 1
    assert actions() == []


def test_a_member_is_not_invited_twice(scoped: Account, admin: Membership, agent: Membership) -> None:
    for _ in ("active", "switched off"):
        with pytest.raises(ValidationError):
            members.invite(email=agent.user.email, name="", role="admin", by=Actor.person(admin))
        Membership.objects.filter(pk=agent.pk).update(is_active=False)

    assert Membership.objects.get(pk=agent.pk).role == "agent"


@pytest.mark.parametrize("role", ["agent", "supervisor"])
def test_only_administrators_manage_members(scoped: Account, admin: Membership, role: str) -> None:
    low = make_member(scoped, role, "bruno")
    by = Actor.person(low)

    for attempt in (
        lambda: members.invite(email="n@ejemplo.cl", name="", role="agent", by=by),
        lambda: members.change_role(membership=low, role="admin", by=by),
        lambda: members.switch_off(membership=admin, by=by),
        lambda: members.switch_on(membership=admin, by=by),
    ):
        with pytest.raises(PermissionDenied):
            attempt()

    assert Membership.objects.get(pk=low.pk).role == role
    assert Membership.objects.get(pk=admin.pk).is_active
    assert not User.objects.filter(email="n@ejemplo.cl").exists()
    assert actions() == []


def test_the_last_administrator_stays(scoped: Account, admin: Membership) -> None:
    gone = make_member(scoped, "admin", "eva")
    members.switch_off(membership=gone, by=SYSTEM)

    with pytest.raises(ValidationError):
        members.change_role(membership=admin, role="agent", by=SYSTEM)
    with pytest.raises(ValidationError):
        members.switch_off(membership=admin, by=SYSTEM)

    admin.refresh_from_db()
    assert (admin.role, admin.is_active) == ("admin", True)


def test_who_is_switched_off_loses_every_door(scoped: Account, admin: Membership, agent: Membership) -> None:
    create_token(membership=agent, name="", by=SYSTEM)

    members.switch_off(membership=agent, by=Actor.person(admin))
    members.switch_off(membership=agent, by=Actor.person(admin))

    assert ApiToken.objects.get().revoked_at is not None
    members.switch_on(membership=agent, by=Actor.person(admin))
    assert ApiToken.objects.get().revoked_at is not None
    assert actions() == ["token.create", "member.switch_off", "member.switch_on"]


def test_two_administrators_cannot_remove_each_other(committed_db: None) -> None:
    account = make_account("paralela")
    ana, eva = make_member(account, "admin", "ana"), make_member(account, "admin", "eva")

    def remove(victim: Membership, by: Membership) -> None:
        with account_scope(account):
            members.switch_off(membership=victim, by=Actor.person(by))

    outcomes = at_once([lambda: remove(ana, eva), lambda: remove(eva, ana)])

    refused = [outcome.code for outcome in outcomes if outcome is not None]
    assert refused == ["last_administrator"]
    with account_scope(account):
        assert Membership.objects.filter(is_active=True).count() == 1
