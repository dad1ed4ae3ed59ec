"""What another system answered, as an administrator reads it."""

import pytest
from django.utils import translation

from integrations.error_words import in_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("Permanent: PATCH 422", "El otro sistema no acepta estos valores. (PATCH 422)"),
        ("GET 401", "El otro sistema no acepta el acceso: la clave o la contraseña no es correcta o ya no vale. (GET 401)"),
        ("POST 400 VALIDATION_ERROR (Email)", "El otro sistema no acepta estos valores. (POST 400 VALIDATION_ERROR (Email))"),
        (
            "shop.example: [Errno 111] Connection refused",
            "shop.example no responde: ¿la dirección es correcta",
        ),
        ("shop.example: The read operation timed out", "shop.example tarda demasiado en responder."),
        ("10.0.0.3 is a private address; HILO_OUTGOING_HTTP_ALLOW may name it", "10.0.0.3 está en una red privada."),
        ("Nombre de usuario inválido", "Nombre de usuario inválido"),
    ],
)
def test_an_answer_in_the_readers_language(text: str, words: str) -> None:
    with translation.override("es"):
        assert in_words(text).startswith(words)


def test_whoever_reads_english_reads_english() -> None:
    with translation.override("en"):
        assert in_words("PUT 500") == "The other system has a problem of its own. (PUT 500)"
