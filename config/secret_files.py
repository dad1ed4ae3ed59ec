"""Secrets that an installation makes for itself when the environment gives none."""

import base64
import os
import secrets
from pathlib import Path


def secret_from_file(path: Path) -> str:
    """The secret kept in ``path`` (32 random bytes, URL-safe base64), made on first use and readable by its owner only."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_when_written(path)
    with os.fdopen(descriptor, "w") as file:
        secret = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        file.write(secret)
    return secret


def _read_when_written(path: Path) -> str:
    # Two processes of a first start: the second may open the file before the first has written it.
    for _ in range(100_000):
        if secret := path.read_text().strip():
            return secret
        os.sched_yield()
    raise RuntimeError(f"{path} is empty: delete it, and a new secret is made at the next start")
