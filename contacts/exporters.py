"""Who gives what is known of a person: a registry that the rooms which keep something about people fill when they are ready."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any


@dataclass(frozen=True)
class Section:
    """One table of the export. ``columns``: field → its heading for people; ``rows`` are JSON."""

    key: str
    title: str
    columns: Mapping[str, str]
    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class ExportedFile:
    """``path`` within the archive; ``open`` gives the bytes. A file that is gone is left out and said so."""

    path: str
    open: Callable[[], IO[bytes]]


@dataclass
class Archive:
    """What an export gathers before it is written."""

    profile_ids: tuple[int, ...]
    sections: list[Section] = field(default_factory=list)
    files: list[ExportedFile] = field(default_factory=list)


Exporter = Callable[[Archive], None]
_exporters: dict[str, Exporter] = {}


def on_export(name: str, exporter: Exporter) -> None:
    """Called from the ``ready()`` of a room. An exporter adds sections and files about ``archive.profile_ids``, in the language that
    is active, and nothing that belongs to somebody else."""
    _exporters[name] = exporter


def exporters() -> list[Exporter]:
    """In the order of their registration."""
    return list(_exporters.values())
