"""Templates of a channel: their places, and the text the receiver reads."""

import pytest

from accounts.models import Channel
from inbox.message_templates import fill, places_of, template_of, templates_of
from tests.inbox.story import TEMPLATES


@pytest.mark.parametrize(
    ("body", "places"),
    [("Hola", []), ("Hola {{1}}", ["1"]), ("{{ 2 }} y {{1}} y {{2}}", ["2", "1"]), ("{{nombre}} {x}", ["nombre"])],
)
def test_places_in_the_order_of_the_text_each_once(body: str, places: list[str]) -> None:
    assert places_of(body) == places


def test_filling_keeps_a_place_without_a_value_and_takes_values_literally() -> None:
    assert fill("Hola {{1}}, {{ 2 }} y {{1}}", [r"A\1{{2}}"]) == r"Hola A\1{{2}}, {{ 2 }} y A\1{{2}}"


def test_templates_of_a_channel() -> None:
    channel = Channel(kind="whatsapp", settings={"templates": TEMPLATES})

    assert [template.key for template in templates_of(channel)] == ["pedido_en_camino|es", "seguimiento|es"]
    assert template_of(channel, "seguimiento|es").body.startswith("Hola {{1}}, ¿quedó")  # type: ignore[union-attr]
    assert template_of(channel, "seguimiento|en") is None
    assert templates_of(Channel(kind="email", settings={})) == []
