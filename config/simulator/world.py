"""The simulated world: its clock, its people, and what they and the business have written to each other."""

import asyncio
import itertools
import json
import secrets
import threading
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from config.simulator.configuration import Configuration, SimulatedChannel


@dataclass
class Person:
    """One customer with an address on every kind of channel."""

    id: str
    name: str
    wa_id: str
    email: str
    instagram: str
    username: str
    account: str
    hint: str = ""
    unreachable: bool = False

    def address_on(self, kind: str) -> str:
        return {"whatsapp": self.wa_id, "instagram": self.instagram, "email": self.email}.get(kind, "")


@dataclass
class Entry:
    """One message as the customer's device shows it. ``at`` is the simulator's time, ISO 8601 in UTC."""

    id: str
    channel: str
    person: str
    mine: bool
    at: str
    kind: str = "text"
    text: str = ""
    subject: str = ""
    media: str = ""
    media_type: str = ""
    media_name: str = ""
    answers: str = ""
    reaction: str = ""
    status: str = ""
    problem: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def subject_of(self) -> str:
        """The subject without its 'Re:', by which the mail page groups."""
        return self.subject.removeprefix("Re: ")


class World:
    """State behind one lock, kept in a file, with a counter that readers can wait on."""

    def __init__(self, configuration: Configuration, *, state: Path) -> None:
        self.configuration = configuration
        self._state = state
        self._lock = threading.RLock()
        self._changed = asyncio.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.version = 0
        self.offset = timedelta(0)
        self.people: dict[str, Person] = {}
        self.entries: list[Entry] = []
        self.media: dict[str, tuple[bytes, str, str]] = {}
        self._numbers = itertools.count(1)
        for index, start in enumerate(configuration.people):
            person = Person(id=f"p{index}", **asdict(start))
            self.people[person.id] = person
        self._load()

    def now(self) -> datetime:
        """The simulator's time: the real one, moved by its clock."""
        return datetime.now(UTC) + self.offset

    def move_clock(self, *, hours: float | None) -> None:
        """Go on by ``hours``, or with ``None`` back to the real time."""
        with self._lock:
            self.offset = timedelta(0) if hours is None else self.offset + timedelta(hours=hours)
        self.announce()

    def add_person(self, *, name: str, wa_id: str, email: str, username: str, account: str) -> Person:
        number = next(self._numbers)
        person = Person(
            id=f"n{number}-{secrets.token_hex(3)}",
            name=name,
            wa_id=wa_id or f"56997{secrets.randbelow(10**6):06d}",
            email=email or f"persona{secrets.randbelow(10**5)}@casilla.example",
            instagram=f"1799{secrets.randbelow(10**13):013d}",
            username=username or f"persona_{number}",
            account=account,
        )
        with self._lock:
            self.people[person.id] = person
        self.announce()
        return person

    def person_at(self, *, kind: str, address: str, account: str) -> Person:
        """Whose address it is; relatives may share one, then whoever wrote last. An unknown address becomes a new person."""
        with self._lock:
            found = [person for person in self.people.values() if person.address_on(kind).lower() == address.lower()]
            if len(found) > 1:
                wrote = [entry.person for entry in self.entries if entry.mine]
                found.sort(key=lambda person: -max((index for index, who in enumerate(wrote) if who == person.id), default=-1))
            if found:
                return found[0]
            person = Person(
                id=f"u{secrets.token_hex(4)}", name=address, wa_id="", email="", instagram="", username=address, account=account
            )
            setattr(person, {"whatsapp": "wa_id", "instagram": "instagram", "email": "email"}[kind], address)
            self.people[person.id] = person
            return person

    def add(self, entry: Entry) -> Entry:
        with self._lock:
            self.entries.append(entry)
        self.announce()
        return entry

    def change(self, entry_id: str, **fields: Any) -> Entry | None:
        """Change one message; ``None`` where nobody has it (its history was cleared)."""
        with self._lock:
            for index, entry in enumerate(self.entries):
                if entry.id == entry_id:
                    self.entries[index] = replace(entry, **fields)
                    break
            else:
                return None
        self.announce()
        return self.entries[index]

    def between(self, *, channel: str, person: str) -> list[Entry]:
        with self._lock:
            return [entry for entry in self.entries if entry.channel == channel and entry.person == person]

    def last_written(self, *, channel: SimulatedChannel, address: str) -> datetime | None:
        """When somebody last wrote from the address: the provider's service window counts from there."""
        with self._lock:
            people = {person.id for person in self.people.values() if person.address_on(channel.kind) == address}
            times = [entry.at for entry in self.entries if entry.mine and entry.channel == channel.key and entry.person in people]
        return datetime.fromisoformat(max(times)) if times else None

    def keep_media(self, content: bytes, content_type: str, name: str) -> str:
        media_id = str(secrets.randbelow(10**15))
        with self._lock:
            self.media[media_id] = (content, content_type, name)
        return media_id

    def announce(self) -> None:
        """Something changed: keep it, and wake whoever waits. May be called from any thread."""
        self.version += 1
        self._save()
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._wake(), self._loop)

    def listen_on(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    async def changed_after(self, version: int, *, timeout: float) -> int:
        """Wait until the version differs from ``version``, ``timeout`` seconds at most; gives the version."""
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(lambda: self.version != version), timeout)
            except TimeoutError:
                return self.version
        return self.version

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _save(self) -> None:
        with self._lock:
            kept = {
                "people": [asdict(person) for person in self.people.values()],
                "entries": [asdict(entry) for entry in self.entries[-2000:]],
                "offset": self.offset.total_seconds(),
            }
            temporary = self._state.with_suffix(".new")
            temporary.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")
            temporary.replace(self._state)

    def _load(self) -> None:
        if not self._state.is_file():
            return
        kept = json.loads(self._state.read_text(encoding="utf-8"))
        known = {channel.key for channel in self.configuration.channels}
        self.people.update({person["id"]: Person(**person) for person in kept["people"]})
        self.entries = [Entry(**entry) for entry in kept["entries"] if entry["channel"] in known]
        self.offset = timedelta(seconds=kept["offset"])
