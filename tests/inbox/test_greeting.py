"""The greeting bot's dialogue, turn by turn."""

import pytest
from django.utils.translation import override

from inbox.greeting import Dialogue, Script, Turn, advance

SCRIPT = Script(account_name="Andes", region="CL")


@pytest.fixture(autouse=True)
def _english() -> object:
    with override("en"):
        yield


def talk(*texts: str, script: Script = SCRIPT) -> list[Turn]:
    """The bot's turns in answer to these messages, until it ends."""
    turns: list[Turn] = []
    dialogue = Dialogue()
    for text in texts:
        turn = advance(dialogue, text, script=script)
        turns.append(turn)
        dialogue = turn.dialogue
        if turn.ends:
            break
    return turns


def test_asks_name_contact_and_reason_then_hands_over() -> None:
    turns = talk("Hola", "Ana Pérez", "ana@ejemplo.cl", "no llega mi pedido")

    assert [turn.reply for turn in turns] == [
        "Hello! I am the automatic assistant of Andes. What is your name?",
        "Thank you, Ana. On which email or phone can we reach you?",
        "What can we help you with?",
        "Thank you, Ana. A person of the team will answer you here.",
    ]
    assert turns[-1].ends == "complete"
    assert turns[-1].dialogue.gathered == {"name": "Ana Pérez", "email": "ana@ejemplo.cl", "reason": "no llega mi pedido"}


def test_does_not_ask_what_the_first_message_said() -> None:
    turns = talk("Hola, soy Ana, ana@x.cl, quiero saber por mi pedido 991")

    assert [(turn.reply, turn.ends) for turn in turns] == [("Thank you, Ana. A person of the team will answer you here.", "complete")]
    assert turns[0].dialogue.gathered["reason"] == "quiero saber por mi pedido 991"


def test_data_and_nothing_else_leave_the_reason_open() -> None:
    turns = talk("soy Ana, ana@x.cl", "una devolución")

    assert turns[0].reply.endswith("What can we help you with?")
    assert turns[1].dialogue.gathered == {"name": "Ana", "email": "ana@x.cl", "reason": "una devolución"}


def test_asks_again_twice_with_what_was_wrong_and_then_hands_over() -> None:
    turns = talk("hola", "Ana", "ana@ejemplo", "1234", "no tengo")

    assert [turn.reply for turn in turns[2:]] == [
        "That email seems incomplete. It looks like name@example.com.",
        "That phone number seems incomplete. Please write it with the area code.",
        "A person of the team will go on from here.",
    ]
    assert turns[-1].ends == "not_understood"
    assert turns[-1].dialogue.gathered == {"name": "Ana"}


def test_the_tries_of_one_question_do_not_count_for_the_next() -> None:
    turns = talk("hola", "1", "2", "Ana", "x", "y", "ana@x.cl")

    assert [turn.ends for turn in turns] == [""] * 7


def test_another_datum_than_the_one_asked_is_taken_and_is_no_failed_try() -> None:
    turns = talk("hola", "ana@x.cl", "Ana")

    assert turns[1].reply == "What is your name?"
    assert turns[1].dialogue.tries == 0
    assert turns[2].dialogue.gathered == {"email": "ana@x.cl", "name": "Ana"}


@pytest.mark.parametrize("said", [(), ("hola",), ("hola", "Ana")])
def test_stops_at_once_for_who_wants_a_person(said: tuple[str, ...]) -> None:
    turns = talk(*said, "quiero hablar con una persona")

    assert turns[-1].ends == "person"
    assert "reason" not in turns[-1].dialogue.gathered


def test_does_not_ask_what_is_known_or_switched_off() -> None:
    known = Script(account_name="Andes", region="CL", knows_name=True, ask=("name", "contact"))
    turns = talk("hola", "+56 9 8765 4321", script=known)

    assert turns[0].reply.endswith("On which email or phone can we reach you?")
    assert turns[1].ends == "complete"


def test_the_administrators_greeting_comes_first() -> None:
    turns = talk("hola", script=Script(account_name="Andes", region="CL", greeting="Bienvenida a Andes."))

    assert turns[0].reply == "Bienvenida a Andes. What is your name?"


def test_a_number_the_plan_allows_is_taken_when_it_was_asked_for() -> None:
    turns = talk("hola", "Ana", "55 5555 5555", script=Script(account_name="Andes", region="MX"))

    assert turns[-1].dialogue.gathered["phone"] == "55 5555 5555"
