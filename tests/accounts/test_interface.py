"""The template tags that every page uses."""

from datetime import UTC, datetime, timedelta

import pytest
from django import forms
from django.template import Context, Template
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone, translation

from accounts.models import Account, Membership
from accounts.templatetags import interface
from accounts.templatetags.interface import age, face, icon, initials
from tests.conftest import PASSWORD

NOON = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "letters"),
    [("María Pérez", "MP"), ("Juan de la Cruz", "JC"), ("Ana", "AN"), ("laura-123@ejemplo.cl", "LA"), ("", ""), ("+56 9 8123", "")],
)
def test_initials(name: str, letters: str) -> None:
    assert initials(name) == letters


def test_a_face_keeps_its_hue_and_escapes_the_name() -> None:
    assert face("Ana", 7) == face("Berta", 7).replace("BE", "AN")
    assert "<script>" not in face("<script> x", 7, channel='"><script>')


def test_an_icon_with_a_label_has_a_name_and_without_is_hidden() -> None:
    assert 'aria-hidden="true"' in icon("plus")
    assert 'role="img" aria-label="Esperando"' in icon("clock", label="Esperando")


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=20), "now"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=3), "3 h"),
        (timedelta(hours=20), "yesterday"),
        (timedelta(days=20), "Feb 18"),
        (timedelta(days=400), "Feb 3, 2025"),
    ],
)
def test_ages_are_short(ago: timedelta, text: str) -> None:
    with translation.override("en"), timezone.override("America/Santiago"):
        assert age(NOON - ago, NOON) == text


def test_a_field_ties_help_and_errors_to_its_input() -> None:
    class Form(forms.Form):
        name = forms.CharField(help_text="Corto.")

    html = Template("{% field form.name %}").render(Context({"form": Form({"name": ""})}))

    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="id_name_error"' in html


def test_the_settings_show_what_exists_and_what_the_role_may_open(
    monkeypatch: pytest.MonkeyPatch, account: Account, agent: Membership, supervisor: Membership, admin: Membership
) -> None:
    monkeypatch.setattr(interface, "_url", lambda name, slug: "" if name == "accounts:tokens" else f"/a/{slug}/{name}/")

    def icons(member: Membership) -> list[str]:
        return [link.icon for link in interface.settings_links(Context({"membership": member, "account": account}))]

    assert icons(agent) == []
    assert icons(supervisor) == ["search", "scroll-text"]
    # One page is not there.
    assert icons(admin) == [
        *["building-2", "merge", "search", "check-check", "plug", "link", "webhook", "mouse-pointer-click", "users-round"],
        "scroll-text",
        *["tag", "send-horizontal", "history", "map-pin", "ban", "globe", "shield-check", "clock", "eye-off"],
    ]
    links = interface.settings_links(Context({"membership": admin, "account": account}))
    assert [link.group for link in links] == [""] * 10 + ["Consentimiento"] * 9


@pytest.mark.parametrize(("path", "status"), [("/nada", 404)])
def test_error_pages_are_ours(client: Client, path: str, status: int) -> None:
    response = client.get(path, HTTP_ACCEPT_LANGUAGE="es")

    assert response.status_code == status
    assert "Aquí no hay nada" in response.content.decode()


@pytest.mark.django_db
def test_a_form_without_its_token_says_so() -> None:
    client = Client(enforce_csrf_checks=True)

    response = client.post(reverse("account_login"), {"login": "x@ejemplo.cl", "password": PASSWORD}, HTTP_ACCEPT_LANGUAGE="es")

    assert response.status_code == 403
    assert "esperó demasiado" in response.content.decode()


@override_settings(DEBUG=False)
@pytest.mark.parametrize("template", ["400.html", "403.html", "500.html"])
@pytest.mark.parametrize(("language", "word"), [("es", "Ir al inicio"), ("en", "To the start")])
def test_the_other_error_pages_render_in_both_languages(template: str, language: str, word: str) -> None:
    from django.template.loader import render_to_string

    with translation.override(language):
        assert word in render_to_string(template)
