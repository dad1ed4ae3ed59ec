"""What the simulator is told: which doors it knocks at, and with which secrets. Written by ``manage.py demo``."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class SimulatedChannel:
    """One channel of the demo. ``address`` is the number, the page or the mailbox that people write to."""

    key: str
    kind: str
    name: str
    account: str
    address: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StartingPerson:
    """Somebody whom visitors of the simulator can be at once; ``hint`` says what makes them interesting."""

    name: str
    wa_id: str
    email: str
    instagram: str
    username: str
    account: str
    hint: str = ""


@dataclass(frozen=True)
class Configuration:
    channels: tuple[SimulatedChannel, ...]
    people: tuple[StartingPerson, ...]

    def channel(self, key: str) -> SimulatedChannel:
        """Raises ``KeyError`` for a channel that the demo does not have."""
        return {channel.key: channel for channel in self.channels}[key]


def default_path() -> Path:
    root = Path(__file__).resolve().parents[2]
    return Path(os.environ.get("HILO_VAR", str(root / "var"))) / "simulator.json"


def write(configuration: Configuration, path: Path) -> None:
    """Replace the file as a whole; it holds secrets, so only its owner may read it."""
    temporary = path.with_suffix(".new")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(asdict(configuration), ensure_ascii=False, indent=1), encoding="utf-8")
    temporary.replace(path)


def read(path: Path) -> Configuration:
    """Raises ``FileNotFoundError`` where the demo was never made."""
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Configuration(
        channels=tuple(SimulatedChannel(**channel) for channel in stored["channels"]),
        people=tuple(StartingPerson(**person) for person in stored["people"]),
    )
