"""What may be merged unseen, what a person is asked about, and what stands in the way: a false merge is worse than a missed one."""

from dataclasses import dataclass
from enum import StrEnum

from contacts.deduplication.comparing import CROWD, compatible, edits, likeness
from contacts.deduplication.records import Record
from contacts.names import names_conflict

# Bits. 0 is even odds, 1 bit two to one, 10 bits a thousand to one. Those who share a phone or an address are asked about early,
# earlier still where no name speaks against it; names alone are asked about late, because people of one name are many.
EVEN = 0.0
SUGGEST_FROM = -1.5
SUGGEST_ONE_NAME_FROM = -4.0
SUGGEST_HANDLE_FROM = 0.0
SUGGEST_NAMES_FROM = 3.5
MERGE_FROM = 9.0


class Conflict(StrEnum):
    """What keeps a pair from being merged by itself; shown with the suggestion."""

    NAME = "name"
    SURNAME = "surname"
    NATIONAL_ID = "national_id"
    BORN = "born"
    FAMILY = "shared_value"
    CROWD = "crowd"
    EMAIL = "email"


@dataclass(frozen=True)
class Verdict:
    """``conflicts``: what contradicts; ``proof``: the identifiers that would prove it, "" where there is none."""

    conflicts: tuple[Conflict, ...]
    proof: str

    @property
    def may_merge(self) -> bool:
        return bool(self.proof) and not self.conflicts


def judge(a: Record, b: Record) -> Verdict:
    """Whether the values allow an automatic merge; the weight is the caller's to check."""
    return Verdict(tuple(_conflicts(a, b)), _proof(a, b))


def is_asked(a: Record, b: Record, weight: float) -> bool:
    """Whether a person is asked about the pair."""
    shared = _shared(a, b)
    if names_conflict(a.told_name, b.told_name):
        return _is_asked_across_names(a, b, shared, weight)
    if shared:
        return weight >= (SUGGEST_HANDLE_FROM if shared == {"handle"} else SUGGEST_ONE_NAME_FROM)
    return weight >= SUGGEST_NAMES_FROM


def _is_asked_across_names(a: Record, b: Record, shared: set[str], weight: float) -> bool:
    """Two given names are two people, who share what families and colleagues share: asked only about what people keep to themselves.

    One surname and one email can be a person's who goes by another name, or relatives'; with a phone in its place it is relatives,
    however rare the surname is.
    """
    if "national_id" in shared:
        return weight >= SUGGEST_FROM
    one_surname = a.surname is not None and a.surname == b.surname
    if shared:
        return "email" in shared and one_surname and weight >= SUGGEST_FROM
    return weight >= SUGGEST_NAMES_FROM


def _shared(a: Record, b: Record) -> set[str]:
    same = {name for name in ("phone", "email", "national_id") if getattr(a, name) and getattr(a, name) == getattr(b, name)}
    # Where both gave an email, that is what tells; the name in front of the @ is not theirs alone.
    if a.handle and a.handle == b.handle and sum(c.isdigit() for c in a.handle) >= 2 and not (a.email and b.email):
        same.add("handle")
    return same


def contradict(a: Record, b: Record) -> bool:
    """Whether names or papers say that the two are not one person: a chain of others never brings them into one group.

    Papers and names are mistyped too: with one birth date they are weighed like everything else.
    """
    if a.born is not None and a.born == b.born:
        return False
    if names_conflict(a.told_name, b.told_name):
        return not (a.national_id and a.national_id == b.national_id)
    return _other_paper(a, b)


def _proof(a: Record, b: Record) -> str:
    """An identifier that both have and that proves it with the names, or because both sides are sure of it.

    A phone alone proves nothing: father and son of one name may use it. It takes a second agreement that relatives do not share.
    """
    if a.national_id and a.national_id == b.national_id and compatible(a, b):
        return "national_id"
    named = a.given is not None and b.given is not None and (a.given == b.given or not set(a.forms).isdisjoint(b.forms))
    if a.email and a.email == b.email and ((named and _is_theirs(a) and _is_theirs(b)) or (a.sure and b.sure)):
        return "email"
    if a.phone and a.phone == b.phone and ((named and _more_than_a_phone(a, b)) or (a.sure and b.sure and named)):
        return "phone"
    return ""


def _is_theirs(record: Record) -> bool:
    """Whether the email is made of the name: father and son of one name may both write from the mother's, or the office's.

    A given name alone is not enough: in the household of Norma's mailbox, her mother is Norma too.
    """
    if not record.surname:
        return False
    local = "".join(c for c in record.local or "" if c.isalpha())
    if any(name[:3] in local for name in (record.given or "", *record.forms) if len(name) >= 3):
        return True
    return local[:1] in (record.initials or "") and record.surname[:3] in local[1:]


def _more_than_a_phone(a: Record, b: Record) -> bool:
    second_surname = bool(a.surname2) and a.surname2 == b.surname2 and a.surname == b.surname
    born = bool(a.born) and a.born == b.born
    handle = bool(a.handle) and a.handle == b.handle and any(c.isdigit() for c in a.handle or "")
    return second_surname or born or handle


def _conflicts(a: Record, b: Record) -> list[Conflict]:
    found = []
    if names_conflict(a.told_name, b.told_name):
        found.append(Conflict.NAME)
    elif a.given == b.given and a.given2 and b.given2 and not _one_surname(a.given2, b.given2):
        # Claudia Ana and Claudia Lourdes: cousins, or mother and daughter.
        found.append(Conflict.NAME)
    if _other_surnames(a, b):
        found.append(Conflict.SURNAME)
    if _other_paper(a, b):
        found.append(Conflict.NATIONAL_ID)
    if a.born and b.born and edits(a.born, b.born) > 1:
        found.append(Conflict.BORN)
    people = max(
        max(a.phone_people, b.phone_people) if a.phone and a.phone == b.phone else 1,
        max(a.email_people, b.email_people) if a.email and a.email == b.email else 1,
    )
    if people >= CROWD:
        found.append(Conflict.CROWD)
    elif people > 1:
        found.append(Conflict.FAMILY)
    return found


def _other_surnames(a: Record, b: Record) -> bool:
    """Surnames that cannot be one person's: father and son share the first and differ in the second."""
    mine, theirs = _surnames(a), _surnames(b)
    if not mine or not theirs:
        return False
    short, long = sorted((mine, theirs), key=len)
    if len(short) == 2:
        return not all(_one_surname(x, y) for x, y in zip(short, long, strict=True))
    return not any(_one_surname(short[0], other) for other in long)


def _surnames(record: Record) -> list[str]:
    return [surname for surname in (record.surname, record.surname2) if surname]


def _one_surname(a: str, b: str) -> bool:
    return a == b or (1 in (len(a), len(b)) and a[0] == b[0]) or likeness(a, b) >= 0.9 or edits(a, b) <= 1


def _other_paper(a: Record, b: Record) -> bool:
    return bool(a.national_id and b.national_id) and edits(a.national_id or "", b.national_id or "") > 1
