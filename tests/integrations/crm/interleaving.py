"""Two people, each with a record in another system, and everything that may happen to them on both sides in any order.

What is meant to come of it is kept in the simplest way: which email addresses each of them has, and what was ever said of a field.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from hypothesis import strategies as st

from accounts.actors import SYSTEM
from contacts.correcting import add_identifier, correct_field
from contacts.ending_identifiers import end_identifier
from contacts.merging import merge
from contacts.models import Contact, Identifier
from integrations import http_client
from integrations.models import Conflict, Connection, DeadLetter, ExternalRecord, SyncOutbox
from tests.integrations.crm.others import Other
from tests.integrations.crm.steps import fill, hear, person, record_of, say, settle_down, shown

Step = tuple[Any, ...]
NAMES = ("Ana", "Eva")
WHO = st.sampled_from([0, 1])
CITY = st.sampled_from(["Quito", "Lima", "Loja", "Cusco"])
NAME = st.sampled_from(["Ana", "Ana Soto", "Ana María"])
# Which of the calls that a piece of work makes is the worker's last one, and whether it still reaches the other system.
DEATH = st.tuples(st.integers(1, 6), st.booleans())
STEP = st.one_of(
    st.tuples(st.just("city here"), WHO, CITY),
    st.tuples(st.just("city there"), WHO, CITY),
    st.tuples(st.just("name here"), WHO, NAME),
    st.tuples(st.just("name there"), WHO, NAME),
    st.tuples(st.just("both at once"), WHO, st.tuples(CITY, CITY)),
    st.tuples(st.just("email here"), WHO, st.integers(1, 4)),
    st.tuples(st.just("email there"), WHO, st.integers(5, 8)),
    st.tuples(st.just("email ends here"), WHO, st.integers(1, 8)),
    st.tuples(st.just("email ends there"), WHO, st.integers(5, 8)),
    st.tuples(st.just("deleted there"), WHO),
    st.tuples(st.just("merged here")),
    st.tuples(st.just("hear")),
    st.tuples(st.just("say")),
    st.tuples(st.just("hear, and die"), DEATH),
    st.tuples(st.just("say, and die"), DEATH),
)
STEPS = st.lists(STEP, min_size=3, max_size=14)


class Killed(BaseException):
    """The worker is no more."""


@contextmanager
def dying(calls: int, *, reaches: bool) -> Iterator[None]:
    """The worker dies with its call number ``calls``: before it, or after it reached the other system and before the answer was read."""
    left, ask = [calls], http_client.request

    def request(*given: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0]:
            return ask(*given, **named)
        if reaches:
            ask(*given, **named)
        raise Killed

    with mock.patch.object(http_client, "request", request), suppress(Killed):
        yield


@dataclass
class Pair:
    """Two people on both sides. ``emails`` and ``said`` are what is meant, per person; merged, they share them."""

    side: Other
    ids: list[str] = field(default_factory=list)
    emails: list[set[str]] = field(default_factory=list)
    said: list[dict[str, set[str]]] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    merged: bool = False

    @classmethod
    def begin(cls, side: Other) -> "Pair":
        pair = cls(side)
        for name in NAMES:
            address = f"{name.lower()}@example.org"
            pair.ids.append(side.add(name, email=address, city="Quito"))
            pair.emails.append({address})
            pair.said.append({"city": {"Quito"}, "name": {name}})
        connection = side.connection
        Connection.scoped().filter(pk=connection.pk).update(on_deletion=Connection.OnDeletion.KEEP, merges_there=True)
        fill(connection)
        return pair

    def do(self, step: Step) -> None:
        name, *given = step
        {
            "hear": self._hear,
            "say": self._say,
            "hear, and die": self._hear,
            "say, and die": self._say,
            "merged here": self._merge,
            "deleted there": self._delete,
            "both at once": self._both,
            "email here": self._email_here,
            "email there": self._email_there,
            "email ends here": self._email_ends_here,
            "email ends there": self._email_ends_there,
            **dict.fromkeys(("city here", "name here", "city there", "name there"), lambda *rest: self._field(name, *rest)),
        }[name](*given)

    def _hear(self, death: tuple[int, bool] | None = None) -> None:
        self._work(hear, death)

    def _say(self, death: tuple[int, bool] | None = None) -> None:
        self._work(say, death)

    def _work(self, what: Callable[[Connection], Any], death: tuple[int, bool] | None) -> None:
        if death is None:
            what(self.side.connection)
            return
        with dying(death[0], reaches=death[1]):
            what(self.side.connection)

    def _contact(self, who: int) -> Contact:
        return person(self.side.connection, self.ids[who])

    def _is_there(self, who: int) -> bool:
        """Whether somebody could still change the record there."""
        return who not in self.gone and self.side.is_there(self.ids[who])

    def _note(self, who: int, name: str, value: str) -> None:
        self.said[who][name].add(value)

    def _field(self, step: str, who: int, value: str) -> None:
        name, where = step.split()
        if where == "here":
            correct_field(contact=self._contact(who), field=name, value=value, by=SYSTEM)
        elif self._is_there(who):
            self.side.change(self.ids[who], **{name: value})
        else:
            return
        self._note(who, name, value)

    def _both(self, who: int, values: tuple[str, str]) -> None:
        """Our write meets a version that nobody here has seen: 423, 412."""
        self._field("city here", who, values[0])
        self._field("city there", who, values[1])
        say(self.side.connection)

    def _address(self, who: int, number: int) -> str:
        return f"{NAMES[who].lower()}{number}@example.org"

    def _email_here(self, who: int, number: int) -> None:
        address = self._address(who, number)
        if address in self.emails[who] or Identifier.scoped().filter(value=address).exists():
            return
        add_identifier(contact=self._contact(who), kind="email", value=address, by=SYSTEM)
        self.emails[who].add(address)

    def _email_there(self, who: int, number: int) -> None:
        address = self._address(who, number)
        if not self._is_there(who):
            return
        known = self.side.values(self.ids[who])["emails"]
        if address in known or address in self.emails[who]:
            return
        self.side.change(self.ids[who], emails=[*known, address])
        self.emails[who].add(address)

    def _email_ends_here(self, who: int, number: int) -> None:
        address = self._address(who, number)
        row = Identifier.scoped().filter(value=address, valid_to=None, profile__contact=self._contact(who).pk).first()
        if row is None:
            return
        end_identifier(identifier=row, by=SYSTEM)
        self.emails[who].discard(address)

    def _email_ends_there(self, who: int, number: int) -> None:
        """An address that came from there and that nobody ended here."""
        address = self._address(who, number)
        if self.merged or not self._is_there(who):
            return
        known = self.side.values(self.ids[who])["emails"]
        if address not in known or address not in self.emails[who]:
            return
        self.side.change(self.ids[who], emails=[each for each in known if each != address])
        self.emails[who].discard(address)

    def _delete(self, who: int) -> None:
        if not self.merged and self._is_there(who):
            # What was never heard of goes with the record: hear it first, as whoever deletes has seen the others' work.
            self._hear()
            self.side.delete(self.ids[who])
            self.gone.add(who)

    def _merge(self) -> None:
        if self.merged:
            return
        merge(contacts=[self._contact(0), self._contact(1)], by=SYSTEM)
        self.merged = True
        together = self.emails[0] | self.emails[1]
        both = {name: self.said[0][name] | self.said[1][name] for name in self.said[0]}
        self.emails, self.said = [together, together], [both, both]

    def end(self, steps: Sequence[Step]) -> None:
        """Both sides come to rest equal, and nothing that somebody said is lost."""
        settle_down(self.side.connection, rounds=12)
        for who, external_id in enumerate(self.ids):
            record, here = record_of(self.side.connection, external_id), shown(self._contact(who))
            assert here["emails"] == sorted(self.emails[who]), (who, steps)
            assert here["city"] in self.said[who]["city"], (who, steps)
            assert here["name"] in self.said[who]["name"], (who, steps)
            assert (record.state == ExternalRecord.State.LIVE) == self._is_there(who), (who, steps)
            if self._is_there(who):
                assert self.side.values(external_id) == here, (who, steps)
        assert len({self._contact(0).pk, self._contact(1).pk}) == (1 if self.merged else 2), steps
        assert not DeadLetter.scoped().exists(), steps
        assert not Conflict.scoped().filter(state=Conflict.State.OPEN).exists(), steps
        assert not SyncOutbox.scoped().exists(), steps
