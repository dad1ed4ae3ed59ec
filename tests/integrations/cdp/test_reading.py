"""Segment's messages in our words: times by our clock, traits as fields, and reasons for what cannot be taken."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.cdp.reading import Rejected, moment, read, read_time

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def said(kind: str, sent_at: datetime | None = None, **body: Any) -> Any:
    return read(kind=kind, body=body, sent_at=sent_at, received_at=NOW)


def test_a_clock_that_is_off_is_put_right_by_when_it_said_that_it_sent() -> None:
    slow = NOW - timedelta(days=2)
    assert moment(slow - 5 * MINUTE, sent_at=slow, received_at=NOW) == NOW - 5 * MINUTE
    fast = NOW + timedelta(hours=3)
    assert moment(fast - 5 * MINUTE, sent_at=fast, received_at=NOW) == NOW - 5 * MINUTE
    assert moment(NOW - MINUTE, sent_at=None, received_at=NOW) == NOW - MINUTE
    # The future, and the time before computers, are mistakes.
    for broken in (NOW + MINUTE, datetime(1970, 1, 1, tzinfo=UTC)):
        assert moment(broken, sent_at=None, received_at=NOW) == NOW
    assert moment(datetime.min.replace(tzinfo=UTC), sent_at=datetime.max.replace(tzinfo=UTC), received_at=NOW) == NOW
    assert moment(None, sent_at=slow, received_at=NOW) == NOW


@pytest.mark.parametrize("text", ["", "gestern", "2026-13-40T00:00:00Z", 7, None, "0001-01-01T00:00:00+23:00"])
def test_what_is_no_time_is_no_time(text: Any) -> None:
    assert read_time(text) is None


def test_traits_become_fields() -> None:
    traits = {
        "firstName": "Ana",
        "lastName": "Rojas",
        "email": "ana@ejemplo.cl",
        "phone": None,
        "address": {"city": "Temuco", "country": "CL", "street": "Peldaño 7"},
        "company": {"name": "Andes", "id": 7},
        "birthday": "1990-05-01T00:00:00Z",
        "plan": "oro",
        "city": None,
    }
    found = said("identify", userId=42, traits=traits)

    assert (found.user_id, found.email, found.phone) == ("42", "ana@ejemplo.cl", "")
    expected = {"name": "Ana Rojas", "company": "Andes", "city": "", "country": "CL", "date_of_birth": "1990-05-01", "address": "Peldaño 7"}
    assert found.given == expected


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("group", {"userId": "1"}),
        ("", {"userId": "1"}),
        ("track", {"event": "x"}),
        ("track", {"userId": "1"}),
        ("track", {"userId": "1", "event": "  "}),
        ("track", {"userId": "1", "event": "x", "properties": []}),
        ("identify", {"userId": "x" * 321}),
        ("identify", {"userId": True}),
        ("identify", {"userId": {"id": 1}}),
        ("identify", {"userId": "1", "traits": "x"}),
        ("alias", {"userId": "1"}),
        ("alias", {"previousId": "1", "anonymousId": "2"}),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(kind: str, body: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as refused:
        said(kind, **body)
    assert str(refused.value)


def test_a_page_is_called_by_whatever_it_says() -> None:
    assert said("page", userId="1", name="Inicio").name == "Inicio"
    assert said("page", userId="1", properties={"title": "Sillas", "url": "https://x"}).name == "Sillas"
    assert said("screen", userId="1").name == "screen"
