"""What may be merged unseen: a false merge is worse than a missed one."""

from typing import Any

import pytest

from contacts.deduplication.comparing import compatible
from contacts.deduplication.policy import Conflict, contradict, is_asked, judge
from contacts.deduplication.records import Record, read, read_date
from contacts.deduplication.tables import count_people

PHONE = "+56987654321"


def two(one: dict[str, str], other: dict[str, str], **both: Any) -> tuple[Record, Record]:
    records = tuple(read(row, number=number, contact=number, region="CL") for number, row in enumerate((one, other), start=1))
    for record in records:
        for name, value in both.items():
            setattr(record, name, value)
    return records[0], records[1]


def test_an_email_of_one_person_with_a_fitting_name_is_proof() -> None:
    verdict = judge(*two({"name": "Pepe Soto", "email": "jsoto84@uno.cl"}, {"name": "José Soto", "email": "J.Soto84+x@uno.cl"}))
    assert not verdict.may_merge
    verdict = judge(*two({"name": "Pepe Soto", "email": "jsoto84@gmail.com"}, {"name": "José Soto", "email": "J.Soto84+x@gmail.com"}))
    assert verdict.may_merge


@pytest.mark.parametrize("email", ["larissa_martins62@uno.cl", "oficina@chanodama.com", "jadeda1998@uno.cl"])
def test_an_email_made_of_another_name_is_no_proof(email: str) -> None:
    """Father and son of one name write from the mother's."""
    assert not judge(*two({"name": "Claudio Soto", "email": email}, {"name": "Claudio Soto", "email": email})).may_merge


def test_a_given_name_alone_makes_no_email_its_own() -> None:
    """The mother of Norma Sepúlveda, who writes from her daughter's mailbox, is Norma too."""
    both = {"email": "normaben84@gmail.com"}
    assert not judge(*two({"name": "Norma", **both}, {"name": "Norma Sepúlveda", **both})).may_merge
    assert judge(*two({"name": "Norma Sepúlveda", **both}, {"name": "Norma Sepúlveda", **both})).may_merge


def test_second_given_names_keep_apart() -> None:
    both = {"email": "claudiagon116@uno.cl"}
    assert judge(*two({"name": "Claudia Ana González", **both}, {"name": "Claudia Lourdes González", **both})).conflicts == (Conflict.NAME,)
    assert judge(*two({"name": "Claudia Ana González", **both}, {"name": "Claudia González", **both})).may_merge


def test_a_phone_and_a_name_alone_are_no_proof() -> None:
    """Father and son of one name use one phone."""
    assert not judge(*two({"name": "Juan Soto", "phone": PHONE}, {"name": "Juan Soto", "phone": PHONE})).may_merge
    assert judge(*two({"name": "Juan Soto Rey", "phone": PHONE}, {"name": "Juan Soto Rey", "phone": PHONE})).may_merge
    assert judge(*two({"name": "Juan Soto", "phone": PHONE}, {"name": "Juan Soto", "phone": PHONE}, sure=True)).may_merge


@pytest.mark.parametrize(
    ("one", "other", "both", "conflict"),
    [
        ({"name": "Ana Soto"}, {"name": "Pedro Soto"}, {}, Conflict.NAME),
        ({"name": "Juan Soto Rey"}, {"name": "Juan Soto Mora"}, {}, Conflict.SURNAME),
        ({"name": "Juan Soto", "national_id": "12.345.678-5"}, {"name": "Juan", "national_id": "9.876.543-3"}, {}, Conflict.NATIONAL_ID),
        ({"name": "Juan Soto", "date_of_birth": "1984-05-30"}, {"name": "Juan Soto", "date_of_birth": "2010-11-02"}, {}, Conflict.BORN),
        ({"name": "Juan Soto"}, {"name": "Juan Soto"}, {"phone_people": 2}, Conflict.FAMILY),
        ({"name": "Juan Soto"}, {"name": "Juan Soto"}, {"phone_people": 9}, Conflict.CROWD),
    ],
)  # fmt: skip
def test_what_stands_in_the_way(one: dict[str, str], other: dict[str, str], both: dict[str, Any], conflict: Conflict) -> None:
    verdict = judge(*two({**one, "phone": PHONE}, {**other, "phone": PHONE}, sure=True, **both))
    assert conflict in verdict.conflicts
    assert not verdict.may_merge


def test_relatives_on_one_phone_are_not_even_asked_about() -> None:
    mother, son = two({"name": "Ana Echeverri", "phone": PHONE}, {"name": "Luis Echeverri", "phone": PHONE})
    assert not is_asked(mother, son, 9.0)
    mother.email = son.email = "casa@uno.cl"
    assert is_asked(mother, son, 9.0)


def test_two_names_share_what_families_and_colleagues_share() -> None:
    both = {"phone": PHONE, "email": "casa@uno.cl"}
    assert not is_asked(*two({"name": "Ana Soto", **both}, {"name": "Pedro Rey", **both}), 20.0)
    assert is_asked(*two({"name": "Ana Soto", **both}, {"name": "Pedro Soto", **both}), 20.0)
    paper = {"national_id": "12.345.678-5"}
    assert is_asked(*two({"name": "Ana Soto", **paper}, {"name": "Pedro Rey", **paper}), 2.0)


def test_one_user_name_is_asked_about_unless_two_emails_tell_more() -> None:
    ana, again = two({"name": "Ana", "handle": "luna84"}, {"name": "Ana", "handle": "luna84"})
    assert is_asked(ana, again, 1.0)
    ana.email, again.email = "luna84@uno.cl", "luna84@dos.cl"
    assert not is_asked(ana, again, 1.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("J. Tapia", "Coke"),
        ("E. Soto", "Edison"),
        ("Richhi Soto", "Ricardo Soto"),
        ("Gadalupe", "Lupe"),
        ("Enriue", "Enriique"),
        ("elenaalvarez", "Elena Álvarez"),
    ],
)
def test_given_names_that_are_one_after_initials_slips_and_short_forms(one: str, other: str) -> None:
    a, b = two({"name": one}, {"name": other})
    assert compatible(a, b)
    assert not judge(a, b).conflicts


@pytest.mark.parametrize(("one", "other"), [("Mario", "María"), ("Daniel", "Daniela"), ("Ana", "Eva")])
def test_given_names_that_are_two(one: str, other: str) -> None:
    assert not compatible(*two({"name": one}, {"name": other}))


def test_names_alone_need_more_than_a_shared_phone() -> None:
    assert not is_asked(*two({"name": "Juan Soto"}, {"name": "Juan Soto"}), 2.0)
    assert is_asked(*two({"name": "Juan Soto", "phone": PHONE}, {"name": "Juan Soto", "phone": PHONE}), 2.0)


def test_twins_contradict_by_their_papers() -> None:
    born = {"date_of_birth": "1984-05-30", "street": "Libertad 12"}
    twins = two({"name": "Ana Soto Rey", **born}, {"name": "Eva Soto Rey", **born})
    assert Conflict.NAME in judge(*twins).conflicts
    assert contradict(*two({"name": "Ana Soto"}, {"name": "Pedro Soto"}))
    assert not contradict(*two({"name": "Ana Soto"}, {"name": "Anita Soto"}))


def test_people_are_told_apart_by_names_that_conflict() -> None:
    assert count_people(["Ana Soto", "ANITA", "Ana María Soto"]) == 1
    assert count_people(["Ana Soto", "Pedro", "Lucía Rey"]) == 3


def test_role_mailboxes_and_numbers_of_nobody_are_left_out() -> None:
    record = read({"name": "Ana", "email": "ventas@uno.cl", "phone": "999999999"}, number=1, contact=1, region="CL")
    assert (record.email, record.phone, record.handle) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "iso"),
    [("1984-05-30", "1984-05-30"), ("30/05/1984", "1984-05-30"), ("05/06/1984", None), ("19840530", "1984-05-30"), ("mayo", None)],
)
def test_dates_are_read_without_a_guess(text: str, iso: str | None) -> None:
    assert read_date(text) == iso
