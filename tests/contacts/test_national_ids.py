"""National ids: read by their check digits, and contradicting only what they can contradict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.national_ids import contradict, read_national_id
from contacts.normalising import normal


@pytest.mark.parametrize(
    ("region", "raw", "value", "key"),
    [
        ("CL", "12.345.678-5", "12.345.678-5", "cl.rut:123456785"),
        ("CL", "RUT: 12345678-5", "12.345.678-5", "cl.rut:123456785"),
        ("CL", "6.789.012-k", None, None),
        ("AR", "20-05536168-2", "20-05536168-2", "ar.cuit:20055361682"),
        ("AR", "DNI 20.123.456", "20.123.456", "ar.dni:20123456"),
        ("BR", "390.533.447-05", "390.533.447-05", "br.cpf:39053344705"),
        ("BR", "16.727.230/0001-97", "16.727.230/0001-97", "br.cnpj:16727230000197"),
        ("MX", "GODE 561231 GR8", "GODE561231GR8", "mx.rfc:GODE561231GR8"),
        ("MX", "BOXW310820HNERXN09", "BOXW310820HNERXN09", "mx.curp:BOXW310820HNERXN09"),
        ("CO", "C.C. 1.020.304", "1020304", "co.cc:1020304"),
        ("CO", "213.123.432-1", "213.123.432-1", "co.nit:2131234321"),
        ("ES", "54362315-K", "54362315K", "es.dni:54362315K"),
        ("ES", "x-2482300w", "X2482300W", "es.nie:X2482300W"),
        ("UY", "1.234.567-2", "12345672", "uy.ci:12345672"),
        ("VE", "V-12345678", "V12345678", "ve.ci:V12345678"),
    ],
)
def test_a_document_is_known_by_its_country_and_its_check_digits(region: str, raw: str, value: str | None, key: str | None) -> None:
    read = normal("national_id", raw, region=region)
    assert (read.value if read else None, read.key if read else None) == (value, key)


@pytest.mark.parametrize(("region", "raw"), [("CL", "12.345.678-k"), ("BR", "390.533.447-06"), ("ES", "54362315A"), ("UY", "12345670")])
def test_a_wrong_check_digit_is_a_typing_error(region: str, raw: str) -> None:
    assert read_national_id(raw, region) is None


def test_a_document_of_another_country_is_known_where_it_cannot_be_another() -> None:
    read = read_national_id("390.533.447-05", "CL")
    assert read is not None
    assert read.key == "br.cpf:39053344705"


def test_a_passport_finds_its_person_and_contradicts_nothing() -> None:
    one, other = (read_national_id(text, "CL") for text in ("Pasaporte AB 123456", "XZ987654"))
    assert one is not None
    assert other is not None
    assert one.key == "other:AB123456"
    assert not contradict([one.key], [other.key])


def test_only_two_numbers_of_one_document_contradict_each_other() -> None:
    assert contradict(["cl.rut:123456785"], ["cl.rut:203456786"])
    assert not contradict(["cl.rut:123456785"], ["ar.dni:20123456"])
    assert not contradict(["cl.rut:123456785", "cl.rut:203456786"], ["cl.rut:203456786"])
    assert not contradict([], ["cl.rut:203456786"])


@given(st.sampled_from(["CL", "AR", "BR", "MX", "CO", "ES", "PE", "UY", "VE", "EC", "PT", "US", "ZZ"]), st.text(max_size=40))
def test_whatever_the_text_nothing_is_raised(region: str, raw: str) -> None:
    normal("national_id", raw, region=region)


@given(st.integers(1_000_000, 25_000_000), st.sampled_from(["{}-{}", "{}{}", "RUT {}-{}"]))
def test_every_spelling_of_a_rut_is_one(number: int, shape: str) -> None:
    from stdnum.cl import rut

    read = read_national_id(shape.format(number, rut.calc_check_digit(str(number))), "CL")
    assert read is not None
    assert read.key == f"cl.rut:{number}{rut.calc_check_digit(str(number))}"
