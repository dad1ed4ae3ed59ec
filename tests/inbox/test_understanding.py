"""Free text as people write it, in Spanish and English."""

import pytest

from inbox.understanding import asks_for_person, hear, only_a_name


@pytest.mark.parametrize(
    ("text", "name", "email", "phone", "rest"),
    [
        ("soy Ana, ana@x.cl", "Ana", "ana@x.cl", "", ""),
        ("Hola! Soy María José Pérez y quiero saber el precio del plan", "María José Pérez", "", "", "quiero saber el precio del plan"),
        ("me llamo juan", "juan", "", "", ""),
        ("mi nombre es Pedro Soto, mi correo es PEDRO@Ejemplo.CL", "Pedro Soto", "pedro@ejemplo.cl", "", ""),
        ("My name is John Smith", "John Smith", "", "", ""),
        ("I'm Kate from Lima", "Kate", "", "", "from Lima"),
        ("soy cliente de ustedes", "", "", "", "soy cliente de ustedes"),
        ("Soy de Santiago", "", "", "", "Soy de Santiago"),
        ("I'm looking for a flat", "", "", "", "I'm looking for a flat"),
        ("mi fono es 9 8765 4321", "", "", "9 8765 4321", ""),
        ("quiero el catálogo, mi whatsapp: 9 8765 4321 y mi email ana@x.cl", "", "ana@x.cl", "9 8765 4321", "quiero el catálogo"),
        ("+56 9 8765 4321", "", "", "+56 9 8765 4321", ""),
        ("987654321", "", "", "987654321", ""),
        ("mi pedido 987654321 no llega", "", "", "", "mi pedido 987654321 no llega"),
        ("ana@", "", "", "", "ana@"),
        ("Buenas tardes", "", "", "", ""),
        ("hola, ¿dónde está mi pedido?", "", "", "", "¿dónde está mi pedido?"),
    ],
)
def test_hears_what_is_said(text: str, name: str, email: str, phone: str, rest: str) -> None:
    heard = hear(text, region="CL")

    assert (heard.name, heard.email, heard.phone, heard.rest) == (name, email, phone, rest)


@pytest.mark.parametrize(
    "text", ["humano", "un agente por favor", "Quiero hablar con una persona", "pásame con un ejecutivo", "talk to a human", "AGENTE"]
)
def test_notices_who_wants_a_person(text: str) -> None:
    assert asks_for_person(text)


@pytest.mark.parametrize(
    "text", ["necesito una torta para una persona celíaca", "soy agente de viajes y busco hoteles baratos", "hola", "somos dos personas"]
)
def test_a_word_about_persons_is_not_a_wish_for_one(text: str) -> None:
    assert not asks_for_person(text)


@pytest.mark.parametrize(
    ("text", "name"), [("Ana", "Ana"), ("hola, ana pérez", "ana pérez"), ("Juan Carlos de la Fuente", "Juan Carlos de la Fuente")]
)
def test_an_answer_can_be_just_a_name(text: str, name: str) -> None:
    assert only_a_name(text) == name


@pytest.mark.parametrize("text", ["", "no", "¿para qué?", "12345", "quiero saber por mi pedido de ayer", "cliente", "ana@x.cl", "si"])
def test_other_answers_are_no_name(text: str) -> None:
    assert only_a_name(text) == ""
