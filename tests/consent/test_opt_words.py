"""Words that stop and start messages."""

import json

import pytest

from consent.opt_words import WORDS, fold, read

DATA = json.loads(WORDS.read_text())
NEVER = lambda: False  # noqa: E731
ALWAYS = lambda: True  # noqa: E731


@pytest.mark.parametrize("sense", ["stop", "help", "start"])
def test_every_word_is_read_whatever_its_case_accents_and_signs(sense: str) -> None:
    for language, words in DATA[sense].items():
        for word in words:
            for spelled in (word, word.lower(), f" {word.title()}. ", f"¡{word}!", f"“{word}” 🙏"):
                assert read(spelled, about_order=NEVER).sense == sense, (language, spelled)


@pytest.mark.parametrize("text", ["Arrêt", "ARRÊT", "no más", "NO MÁS!!", "opt-out", "Stop all"])
def test_accents_and_hyphens_do_not_matter(text: str) -> None:
    assert read(text, about_order=NEVER).sense == "stop"


@pytest.mark.parametrize(
    "text",
    [
        "Quiero darme de baja",
        "por favor dejen de enviarme mensajes",
        "No quiero recibir más promociones",
        "não quero mais receber promoções",
        "Parem de me mandar mensagens",
        "Please stop texting me",
        "remove me from your list",
        "Je ne souhaite plus recevoir vos offres",
        "Ne m'envoyez plus rien",
    ],
)
def test_a_clear_sentence_stops_promotions(text: str) -> None:
    assert read(text, about_order=NEVER).sense == "stop_marketing"


@pytest.mark.parametrize(
    "text",
    [
        "¿Cómo me doy de baja?",
        "No quiero darme de baja",
        "Do not unsubscribe me please",
        "me llegó spam",
        "una baja de luz",
    ],
)
def test_an_unclear_one_only_flags(text: str) -> None:
    assert read(text, about_order=NEVER).sense == "hint"


@pytest.mark.parametrize(
    "text",
    [
        "Para mañana está bien",
        "El regalo es para Ana",
        "Fin de semana",
        "Salir a las 5",
        "Necesito cancelar la hora",
        "Info del pedido",
        "",
    ],
)
def test_everyday_words_say_nothing(text: str) -> None:
    assert read(text, about_order=NEVER).sense == "nothing"


@pytest.mark.parametrize("text", ["Cancelar", "CANCEL", "cancelar.", "Salir", "Detener"])
def test_a_word_that_may_mean_the_order_asks_first(text: str) -> None:
    assert read(text, about_order=ALWAYS).sense == "ask"
    assert read(text, about_order=NEVER).sense == "stop"


@pytest.mark.parametrize("text", ["BAJA", "STOP", "UNSUBSCRIBE", "DESCADASTRAR", "ARRET"])
def test_a_word_that_cannot_mean_it_does_not(text: str) -> None:
    assert read(text, about_order=ALWAYS).sense == "stop"


def test_folding_is_done_once_and_for_all() -> None:
    for text in ("¡Él—SÍ, señor!", "Straße", "ＳＴＯＰ", "no\u200bmás"):
        assert fold(fold(text)) == fold(text)
    assert fold("ＳＴＯＰ") == "stop"
