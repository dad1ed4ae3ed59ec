"""What an administrator may set on a web chat."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts.models import Channel
from integrations.channels.webchat.options import Options, validate


def test_nothing_given_is_a_chat_that_works() -> None:
    options = Options.of(Channel(kind="webchat", settings=validate({})))

    assert (options.colour, options.side, options.form, options.attachments, options.language) == ("#0b6e63", "right", "offer", True, "")
    assert options.allows("https://any.example")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("colour", "red"),
        ("colour", "#0b6e6"),
        ("side", "top"),
        ("language", "fr"),
        ("form", "always"),
        ("privacy_url", "javascript:alert(1)"),
        ("allowed_origins", ["https://a.cl/path"]),
        ("allowed_origins", ["a.cl"]),
        ("identity_secret", "short"),
        ("identity_required", True),
        ("title", "x" * 61),
        ("welcome", "x" * 401),
    ],
)
def test_a_wrong_setting_is_named(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        validate({field: value})

    assert list(refused.value.message_dict) == [field]


def test_origins_are_kept_as_browsers_write_them() -> None:
    given = validate({"allowed_origins": "https://WWW.Tienda.cl/ http://localhost:8080"})
    options = Options.of(Channel(kind="webchat", settings=given))

    assert options.allowed_origins == ("https://www.tienda.cl", "http://localhost:8080")
    assert options.allows("https://www.tienda.cl")
    assert not options.allows("https://tienda.cl")
    assert not options.allows("null")


COLOURS = {"#0b6e63": "#ffffff", "#ffdd00": "#000000", "#777777": "#000000", "#000000": "#ffffff"}


@pytest.mark.parametrize(("colour", "ink"), COLOURS.items())
def test_what_stands_on_the_brand_colour_can_be_read(colour: str, ink: str) -> None:
    assert Options.of(Channel(kind="webchat", settings={"colour": colour})).ink == ink
