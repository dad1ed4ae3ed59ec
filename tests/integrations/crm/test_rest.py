"""What settings and paths make of an interface of one's own: addresses, times, and what stands beside what is written."""

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.crm.contract import Misconfigured, Several
from integrations.crm.rest.addresses import filled, moments, places
from integrations.crm.rest.connector import Rest
from integrations.crm.rest.paths import put
from integrations.crm.wire import Wire
from tests.integrations.crm.conftest import shop_settings
from tests.integrations.crm.shop import Shop

WORK: dict[str, Any] = {"type": "work", "value": "ana@example.org", "main": True}
HOME: dict[str, Any] = {"type": "home", "value": "casa@example.org", "main": False}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("emails.0.value", "eva@example.org", [{**WORK, "value": "eva@example.org"}, HOME]),
        ("emails.1.value", None, [WORK, {**HOME, "value": None}]),
        ("emails.5.value", "x@example.org", [WORK, HOME, {"value": "x@example.org"}]),
        ("emails.*.value", ["casa@example.org", "x@example.org"], [HOME, {"value": "x@example.org"}]),
        ("emails.*.value", None, []),
        ("emails", ["x@example.org"], ["x@example.org"]),
    ],
)
def test_what_stands_beside_a_value_in_a_list_stays(path: str, value: Any, expected: list[Any]) -> None:
    body = {"name": "Ana", "emails": [dict(WORK), dict(HOME)]}
    put(body, path, value)
    assert body == {"name": "Ana", "emails": expected}


def test_a_write_sends_the_part_with_everything_that_stands_in_it(shop: Shop, loopback: None) -> None:
    place = {"street": "Jr. Unión 1", "city": "Lima", "geo": {"lat": -12.1, "zone": "15001"}}
    row_id = shop.add(name="Ana", address=place, emails=[WORK, HOME])
    connector = Rest(shop_settings(shop), Wire())

    connector.write(row_id, {"address.geo.zone": "15074"}, expected="")
    connector.write(row_id, {"emails.*.value": Several(add=("x@example.org",), remove=(WORK["value"],))}, expected="")

    assert shop.rows[row_id]["address"] == {**place, "geo": {"lat": -12.1, "zone": "15074"}}
    assert shop.rows[row_id]["emails"] == [HOME, {"value": "x@example.org"}]
    assert shop.rows[row_id]["name"] == "Ana"


def test_a_record_in_an_envelope_is_read(shop: Shop, loopback: None) -> None:
    row_id = shop.add(name="Sobre", data={"id": "1", "name": "Ana", "updated_at": "1772452800"})
    found = Rest({**shop_settings(shop), "item": "data"}, Wire()).read(row_id)
    assert found is not None
    assert (found.external_id, found.values["name"], found.modified_at) == ("1", "Ana", datetime(2026, 3, 2, 12, tzinfo=UTC))


def test_a_record_without_an_id_holds_up_none_of_the_others(shop: Shop, loopback: None) -> None:
    ids = [shop.add(name="Ana"), shop.add(name="Eva")]
    shop.rows[ids[0]]["id"] = None
    assert [each.external_id for each in Rest(shop_settings(shop), Wire()).changes("").records] == [ids[1]]
    with pytest.raises(Misconfigured):
        Rest({**shop_settings(shop), "id": "codigo"}, Wire()).changes("")


def test_pages_by_offset_end_where_there_is_nothing_more(shop: Shop, loopback: None) -> None:
    ids = [shop.add(name=f"Persona {number}") for number in range(4)]
    # The shop has no such paging: every answer is its first page, until the address asks for another one.
    connector = Rest({**shop_settings(shop), "list_path": "customers?page={offset}"}, Wire())
    first = connector.changes('{"offset": 1}')
    assert [each.external_id for each in first.records] == ids[:3]
    last = connector.changes(first.cursor)
    assert (list(last.records), last.has_more) == ([], False)


def test_times_are_read_as_interfaces_write_them() -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    for written in (1772452800, 1772452800.0, 1772452800000, "1772452800", "1772452800000", "2026-03-02T12:00:00Z", "2026-03-02 12:00"):
        assert moments(written) == [noon], written
    for nothing in (None, "", True, "ayer", 10**40):
        assert moments(nothing) == []


def test_a_time_is_asked_for_in_the_way_the_interface_wants() -> None:
    asked = "{since}|{since_seconds}|{since_milliseconds}|{offset}|{page}|{cursor}"
    assert filled(asked, places({})) == "|0|0|0|1|"
    place = {"since": "2026-03-02T12:00:00+00:00", "cursor": "a/b", "page": 3, "offset": 20}
    assert filled(asked, places(place)) == "2026-03-02T12%3A00%3A00%2B00%3A00|1772452800|1772452800000|20|3|a/b"
