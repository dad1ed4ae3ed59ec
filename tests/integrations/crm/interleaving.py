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
from contacts.merging import merge, unmerge
from contacts.models import Contact, Identifier, Profile
from integrations import http_client
from integrations.models import Conflict, Connection, DeadLetter, ExternalRecord, SyncOutbox
from tests.integrations.crm.others import Other
from tests.integrations.crm.steps import fill, hear, record_of, say, settle_down, shown

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
    st.tuples(st.just("email ends there"), WHO, st.integers(1, 8)),
    st.tuples(st.just("deleted there"), WHO),
    st.tuples(st.just("merged here")),
    st.tuples(st.just("merged there")),
    st.tuples(st.just("unmerged here")),
    st.tuples(st.just("their clock is put right")),
    st.tuples(st.just("hear")),
    st.tuples(st.just("say")),
    st.tuples(st.just("hear, and die"), DEATH),
    st.tuples(st.just("say, and die"), DEATH),
)
STEPS = st.lists(STEP, min_size=3, max_size=14)
# By how many hours the clock there is ahead.
CLOCK = st.sampled_from([0, 3, -3])


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
    """Two people on both sides. ``emails`` and ``said`` are what is meant, per person; merged, they share them.

    ``profiles`` are what their first records said of them: whatever is merged or made anew, these tell who is who.
    """

    side: Other
    profiles: list[int] = field(default_factory=list)
    emails: list[set[str]] = field(default_factory=list)
    said: list[dict[str, set[str]]] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    merged: bool = False
    parted: bool = False

    @classmethod
    def begin(cls, side: Other, *, clock: float = 0) -> "Pair":
        pair, ids = cls(side), []
        side.set_clock(clock)
        for name in NAMES:
            address = f"{name.lower()}@example.org"
            ids.append(side.add(name, email=address, city="Quito"))
            pair.emails.append({address})
            pair.said.append({"city": {"Quito"}, "name": {name}})
        connection = side.connection
        Connection.scoped().filter(pk=connection.pk).update(on_deletion=Connection.OnDeletion.KEEP, merges_there=True)
        fill(connection)
        pair.profiles = [record_of(connection, external_id).profile_id for external_id in ids]
        return pair

    def do(self, step: Step) -> None:
        name, *given = step
        {
            "hear": self._hear,
            "say": self._say,
            "hear, and die": self._hear,
            "say, and die": self._say,
            "merged here": self._merge,
            "merged there": self._merge_there,
            "unmerged here": self._unmerge,
            "their clock is put right": lambda: self.side.set_clock(0),
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
        return Contact.scoped().get(profiles=self.profiles[who])

    def _record(self, who: int) -> str | None:
        """Where people there find the person: their first record while it is there, else the one that came after it."""
        records = ExternalRecord.scoped().filter(profile__contact=self._contact(who))
        found = [each.external_id for each in records.order_by("pk") if self.side.is_there(each.external_id)]
        first = records.filter(profile=self.profiles[who], external_id__in=found).values_list("external_id", flat=True)
        return next(iter([*first, *found]), None)

    def _note(self, who: int, name: str, value: str) -> None:
        self.said[who][name].add(value)

    def _field(self, step: str, who: int, value: str) -> None:
        name, where = step.split()
        if where == "here":
            correct_field(contact=self._contact(who), field=name, value=value, by=SYSTEM)
        elif external_id := self._record(who):
            self.side.change(external_id, **{name: value})
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
        address, external_id = self._address(who, number), self._record(who)
        if external_id is None:
            return
        known = self.side.values(external_id)["emails"]
        if address in known or any(address in each for each in self.emails):
            return
        self.side.change(external_id, emails=[*known, address])
        self.emails[who].add(address)

    def _email_ends_here(self, who: int, number: int) -> None:
        address = self._address(who, number)
        row = Identifier.scoped().filter(value=address, valid_to=None, profile__contact=self._contact(who).pk).first()
        if row is None:
            return
        end_identifier(identifier=row, by=SYSTEM)
        self.emails[who].discard(address)

    def _email_ends_there(self, who: int, number: int) -> None:
        """An address that stands there, whoever it came from, and that nobody ended here."""
        address, external_id = self._address(who, number), self._record(who)
        if self.merged or self.parted or external_id is None:
            return
        known = self.side.values(external_id)["emails"]
        if address not in known or address not in self.emails[who]:
            return
        self.side.change(external_id, emails=[each for each in known if each != address])
        self.emails[who].discard(address)

    def _delete(self, who: int) -> None:
        external_id = self._record(who)
        if not self.merged and external_id is not None:
            # What was never heard of goes with the record: hear it first, as whoever deletes has seen the others' work.
            self._hear()
            self.side.delete(external_id)
            self.gone.add(who)

    def _merge(self) -> None:
        if not self.merged:
            merge(contacts=[self._contact(0), self._contact(1)], by=SYSTEM)
            self._are_one()

    def _merge_there(self) -> None:
        """By people there; those that were separated here would be merged by a person's word only."""
        one, other = self._record(0), self._record(1)
        if self.side.can_merge and not self.merged and not self.parted and one and other:
            # Tryton puts away what only the record says that goes: hear it first, as with one that is deleted.
            self._hear()
            self.side.merge(other, one)
            self._are_one()

    def _are_one(self) -> None:
        self.merged = True
        together = self.emails[0] | self.emails[1]
        both = {name: self.said[0][name] | self.said[1][name] for name in self.said[0]}
        self.emails, self.said = [together, together], [both, both]

    def _unmerge(self) -> None:
        """Whoever separates has seen what is there. Who has no record there any more gets one."""
        if not self.merged:
            return
        self._hear()
        Connection.scoped().filter(pk=self.side.connection.pk).update(creates_there=True)
        together = self._contact(0)
        assert together == self._contact(1)
        unmerge(contact=together, profiles=[Profile.scoped().get(pk=self.profiles[1])], by=SYSTEM)
        apart = [set(shown(self._contact(who))["emails"]) for who in (0, 1)]
        assert apart[0] | apart[1] == self.emails[0]
        self.emails, self.merged, self.parted = apart, False, True
        self.said = [{name: set(values) for name, values in each.items()} for each in self.said]

    def end(self, steps: Sequence[Step]) -> None:
        """Both sides come to rest equal, and nothing that somebody said is lost."""
        settle_down(self.side.connection, rounds=12)
        for who in (0, 1):
            here = shown(self._contact(who))
            assert here["emails"] == sorted(self.emails[who]), (who, steps)
            assert here["city"] in self.said[who]["city"], (who, steps)
            assert here["name"] in self.said[who]["name"], (who, steps)
            records = ExternalRecord.scoped().filter(profile__contact=self._contact(who), state=ExternalRecord.State.LIVE)
            assert records.exists() or who in self.gone, (who, steps)
            for record in records:
                assert self.side.values(record.external_id) == here, (who, steps)
        for record in ExternalRecord.scoped():
            assert (record.state == ExternalRecord.State.LIVE) == self.side.is_there(record.external_id), steps
        assert (self._contact(0) == self._contact(1)) == self.merged, steps
        assert not DeadLetter.scoped().exists(), steps
        assert not Conflict.scoped().filter(state=Conflict.State.OPEN).exists(), steps
        assert not SyncOutbox.scoped().exists(), steps
