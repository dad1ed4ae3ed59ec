"""Normal forms and match keys: every spelling of one line is one key, and what may be two lines stays two."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.blocked_values import is_blocked_by_default
from contacts.normalising import KEY_VERSION, may_be_two_lines, normal


def key(kind: str, raw: str, region: str = "CL") -> str | None:
    value = normal(kind, raw, region=region)
    return value.key if value else None


ONE_LINE = {
    ("MX", "+525512345678"): ["5215512345678", "+5215512345678", "044 55 1234 5678", "01 55 1234 5678", "55 1234 5678", "045 5512345678"],
    ("CL", "+56981234567"): [
        "9 8123 4567",
        "8123 4567",
        "09 8123 4567",
        "56 9 8123 4567",
        "+56 8123 4567",
        "00 56 9 8123 4567",
        "９８１２３４５６７",
    ],
    ("BR", "+5511987654321"): ["551187654321", "11 8765-4321", "(11) 98765-4321", "+5511987654321"],
    ("AR", "+541123456789"): ["011 15 2345-6789", "+54 9 11 2345 6789", "5491123456789", "11 2345 6789"],
    ("CL", "+56223456789"): ["22 345 6789", "22 345 6789 ext 12", "+56 2 2345 6789", "\u200b22 345 6789\u202c"],
}


@pytest.mark.parametrize(("region", "wanted", "raw"), [(*line, raw) for line, spellings in ONE_LINE.items() for raw in spellings])
def test_every_spelling_of_one_line_has_one_key(region: str, wanted: str, raw: str) -> None:
    value = normal("phone", raw, region=region)
    assert value is not None
    assert (value.key, value.key_version) == (wanted, KEY_VERSION)


def test_a_brazilian_land_line_gets_no_ninth_digit() -> None:
    assert key("phone", "(11) 3765-4321", "BR") == "+551137654321"


def test_the_number_we_dial_keeps_the_argentine_9() -> None:
    value = normal("phone", "+54 9 11 2345 6789", region="AR")
    assert value is not None
    assert value.value == "+5491123456789"
    assert may_be_two_lines(kind="phone", key=value.key)
    assert not may_be_two_lines(kind="phone", key="+56981234567")


@pytest.mark.parametrize(
    ("raw", "value"), [("5215512345678", "525512345678"), ("551187654321", "5511987654321"), ("56981234567", "56981234567")]
)
def test_a_whatsapp_id_is_its_phone_without_the_plus(raw: str, value: str) -> None:
    read = normal("whatsapp", raw, region="CL")
    assert read is not None
    assert (read.value, read.key) == (value, value)
    assert key("phone", f"+{raw}") == f"+{value}"


@pytest.mark.parametrize("raw", ["", "  ", "hola", "12345", "+5212", "no tengo", "\x00", "9" * 400])
def test_what_is_no_phone_is_none(raw: str) -> None:
    assert normal("phone", raw, region="CL") is None


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("Ana@Ejemplo.CL", "ana@ejemplo.cl"),
        (" <mailto:ana@ejemplo.cl>. ", "ana@ejemplo.cl"),
        ("ana\u200b@ejemplo.cl", "ana@ejemplo.cl"),
        ("ana@straße.de", "ana@xn--strae-oqa.de"),
        ("ana@ｅｊｅｍｐｌｏ.cl", "ana@ejemplo.cl"),
        ("ana@ñandú.cl", "ana@xn--and-6ma2c.cl"),
        ("a.n.a+x@gmail.com", "a.n.a+x@gmail.com"),
        ("ana@mi_host.ejemplo.cl", "ana@mi_host.ejemplo.cl"),
    ],
)
def test_an_email_has_one_normal_form_and_joins_by_it_alone(raw: str, value: str) -> None:
    read = normal("email", raw, region="CL")
    assert read is not None
    assert read.value == read.key == value


@pytest.mark.parametrize(
    "raw", ["ana", "ana@", "@ejemplo.cl", "ana@local", "a b@ejemplo.cl", "ana@@ejemplo.cl", "ana@ejem plo.cl", f"{'a' * 65}@ejemplo.cl"]
)
def test_what_is_no_email_is_none(raw: str) -> None:
    assert normal("email", raw, region="CL") is None


@pytest.mark.parametrize(
    ("raw", "loose_key"),
    [
        ("a.n.a+compras@gmail.com", "ana@gmail.com"),
        ("Ana@GoogleMail.com", "ana@gmail.com"),
        ("a.n.a+compras@ejemplo.cl", ""),
        ("+x@gmail.com", ""),
    ],
)
def test_what_gmail_ignores_is_only_worth_asking(raw: str, loose_key: str) -> None:
    read = normal("email", raw, region="CL")
    assert read is not None
    assert read.loose_key == loose_key


@pytest.mark.parametrize("kind", ["instagram", "messenger", "telegram"])
def test_a_user_name_is_no_identifier(kind: str) -> None:
    assert normal(kind, "@ana.soto", region="CL") is None
    assert key(kind, "17841400000000001") == "17841400000000001"


# Nearly everything that looks like a number, an address or a document, and everything that does not.
LOOKS_RIGHT = {
    "phone": st.from_regex(r"(\+|00)?[0-9 ().\-]{1,20}( ?(ext|x|anexo) ?[0-9]{1,4})?", fullmatch=True),
    "whatsapp": st.from_regex(r"\+?[0-9]{1,22}", fullmatch=True),
    "email": st.builds("{}@{}".format, st.text(max_size=12), st.text(max_size=12)),
    "national_id": st.from_regex(r"[A-Z]{0,4}[0-9.\-]{4,16}[0-9A-Zk]", fullmatch=True),
}


@given(
    st.data(), st.sampled_from([*LOOKS_RIGHT, "customer_number", "telegram", "visitor"]), st.sampled_from(["CL", "MX", "BR", "AR", "CO"])
)
def test_a_normal_form_is_its_own_and_nothing_is_ever_raised(data: st.DataObject, kind: str, region: str) -> None:
    raw = data.draw(st.text(max_size=60) | LOOKS_RIGHT.get(kind, st.text(max_size=400)))
    once = normal(kind, raw, region=region)
    if once is not None:
        again = normal(kind, once.value, region=region)
        assert again is not None
        assert (again.value, again.key, again.loose_key) == (once.value, once.key, once.loose_key)


@given(st.from_regex(r"[1-9][0-9]{9}", fullmatch=True), st.sampled_from(["+52{}", "+521{}", "01{}", "044{}", "045{}", "{}"]))
def test_a_mexican_line_is_one_however_it_is_written(line: str, shape: str) -> None:
    assert key("phone", shape.format(line), "MX") == f"+52{line}"


@given(st.from_regex(r"[1-9][1-9][6-9][0-9]{7}", fullmatch=True))
def test_a_brazilian_mobile_is_one_line_with_and_without_the_ninth_digit(line: str) -> None:
    assert key("phone", f"+55{line}") == key("phone", f"+55{line[:2]}9{line[2:]}") == f"+55{line[:2]}9{line[2:]}"


def test_an_upgrade_of_the_numbering_metadata_renumbers_nobody() -> None:
    """When this fails after an upgrade, keys have changed: raise ``KEY_VERSION`` and write them anew."""
    plans = {
        "+54": 10,
        "+55": 11,
        "+56": 9,
        "+52": 10,
        "+57": 10,
        "+51": 9,
        "+34": 9,
        "+593": 9,
        "+598": 8,
        "+595": 9,
        "+591": 8,
        "+58": 10,
    }
    keys = [key("phone", f"{prefix}{lead}{'1234567890'[: length - 1]}") or "-" for prefix, length in plans.items() for lead in "2345679"]
    assert hashlib.sha256(" ".join(keys).encode()).hexdigest()[:16] == "99b7000e54e7513d"


@given(st.from_regex(r"[3-9][0-9]{7}", fullmatch=True), st.sampled_from(["+56 9 {}", "9{}", "09{}", "56 9 {}", "{}"]))
def test_a_chilean_mobile_is_one_line_however_it_is_written(line: str, shape: str) -> None:
    assert key("phone", shape.format(line)) == f"+569{line}"


@pytest.mark.parametrize(
    ("kind", "value", "is_blocked"),
    [
        ("email", "info@ejemplo.cl", True),
        ("email", "no-reply@ejemplo.cl", True),
        ("email", "ventas@ejemplo.cl", True),
        ("email", "test@ejemplo.cl", True),
        ("email", "informatica@ejemplo.cl", False),
        ("email", "ana.ventas@ejemplo.cl", False),
        ("phone", "+56999999999", True),
        ("phone", "+5600000000", True),
        ("phone", "+525555555555", True),
        ("phone", "+56911111112", False),
        ("phone", "+56981234567", False),
        ("visitor", "info@ejemplo.cl", False),
    ],
)
def test_the_shipped_list_blocks_what_identifies_nobody(kind: str, value: str, is_blocked: bool) -> None:
    assert is_blocked_by_default(kind=kind, key=value) is is_blocked
