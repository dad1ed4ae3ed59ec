"""Which migration files made the embedded database what it is."""

import hashlib
import json
from pathlib import Path

from config.embedded.places import CHECKOUT

PATTERNS = ("*/migrations/*.py", "*/*/migrations/*.py")


def take(checkout: Path = CHECKOUT) -> dict[str, str]:
    """Return the digest of every migration file of the project, by its path in the checkout."""
    files = sorted(path for pattern in PATTERNS for path in checkout.glob(pattern))
    return {
        str(path.relative_to(checkout)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name != "__init__.py" and not path.relative_to(checkout).parts[0].startswith(".")
    }


def fits(*, kept: dict[str, str], now: dict[str, str]) -> bool:
    """Tell whether a database made by `kept` can be brought forward to `now`.

    New files are what `migrate` is for; a file that changed or is gone cannot be undone.
    """
    return all(now.get(name) == digest for name, digest in kept.items())


def write(folder: Path) -> None:
    """Keep today's fingerprint in the folder of the data."""
    path = _file(folder)
    text = json.dumps(take(), indent=1)
    if not path.exists() or path.read_text() != text:
        unfinished = path.with_suffix(".new")
        unfinished.write_text(text)
        unfinished.replace(path)


def read(folder: Path) -> dict[str, str]:
    """Return the fingerprint kept in the folder of the data; empty before the first `migrate`."""
    path = _file(folder)
    return json.loads(path.read_text()) if path.exists() else {}


def forget(folder: Path) -> None:
    """Drop the fingerprint, because its data is gone."""
    _file(folder).unlink(missing_ok=True)


def _file(folder: Path) -> Path:
    return folder / "migrations.json"
