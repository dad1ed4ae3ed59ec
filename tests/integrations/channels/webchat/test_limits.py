"""Whom the limits count by."""

from typing import Any

import pytest

from integrations.channels.webchat.limits import address_of

CLIENT = ("10.0.0.1", 5000)


@pytest.mark.parametrize(
    ("behind", "forwarded", "counted"),
    [
        (False, b"", "10.0.0.1"),
        (False, b"1.2.3.4", "10.0.0.1"),
        (True, b"", "10.0.0.1"),
        (True, b"1.2.3.4", "1.2.3.4"),
        (True, b"made-up, 9.9.9.9, 2001:db8::1", "2001:db8::1"),
        (True, b"x" * 5000, "x" * 64),
        (True, b"\xff,", "10.0.0.1"),
    ],
)
def test_a_visitor_is_counted_by_the_address_that_nobody_can_make_up(settings: Any, behind: bool, forwarded: bytes, counted: str) -> None:
    settings.BEHIND_PROXY = behind

    assert address_of(client=CLIENT, forwarded=forwarded) == counted


def test_a_socket_without_an_address_is_counted_too() -> None:
    assert address_of(client=None, forwarded=b"") == ""
