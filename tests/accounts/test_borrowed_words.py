"""Sentences of the libraries that people read: ours in Spanish, and still said by the libraries."""

import re
from collections.abc import Iterator
from pathlib import Path

import allauth
import django.contrib.auth
import pytest
from babel.messages.pofile import read_po
from django.contrib.auth.password_validation import validate_password
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import translation
from django.utils.translation import gettext

from accounts.borrowed_words import BORROWED
from accounts.models import Membership, User

# "su", "usted", and the imperatives of "usted" that the libraries use.
FORMAL = re.compile(r"\b(sus?|usted|le|inténtelo|escriba|ha (indicado|solicitado|iniciado)|haga|vuelva|introduzca)\b", re.IGNORECASE)


def _said() -> Iterator[str]:
    for library in (allauth, django.contrib.auth):
        catalog = Path(str(library.__file__)).parent / "locale" / "es" / "LC_MESSAGES" / "django.po"
        with catalog.open("rb") as file:
            yield from (message.id if isinstance(message.id, str) else message.id[0] for message in read_po(file))


def test_the_libraries_still_say_them() -> None:
    assert set(BORROWED) <= set(_said())


@pytest.mark.parametrize("sentence", BORROWED)
def test_nobody_is_addressed_formally(sentence: str) -> None:
    with translation.override("es"):
        spanish = gettext(sentence)

    assert spanish != sentence
    assert not FORMAL.search(spanish), spanish


def test_a_password_like_the_email_is_refused_in_our_words() -> None:
    with translation.override("es"), pytest.raises(ValidationError) as refused:
        validate_password("agente@andes.example", User(email="agente@andes.example"))

    assert refused.value.messages == ["La contraseña se parece demasiado a este dato: correo."]


def test_the_letter_with_the_link_is_in_our_words(agent: Membership, client: Client) -> None:
    client.post("/password/reset/", {"email": agent.user.email}, headers={"Accept-Language": "es"})

    [letter] = mail.outbox
    assert "/password/reset/key/" in letter.body
    assert not FORMAL.search(letter.body), letter.body
