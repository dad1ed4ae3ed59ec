"""A folder of the server as the place of scheduled exports: below the one that the operator allows, and never outside it."""

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")


def require_folder(folder: str) -> str:
    """The folder's path, relative and without anything that leads elsewhere. Raises ``ValidationError``."""
    if not settings.ETL_DIR:
        raise ValidationError(_("The operator of this server has not set a folder for exports (HILO_ETL_DIR)."), code="no_folder")
    parts = [part for part in folder.strip().strip("/").split("/") if part]
    if len(parts) > 6 or folder.strip().startswith("/") or not all(PART.fullmatch(part) for part in parts):
        raise ValidationError(_("A folder is letters, digits, dots and dashes, with / between: warehouse/hilo."), code="folder")
    return "/".join(parts)


class FolderStore:
    """Writes below ``HILO_ETL_DIR/<account>``. Raises ``OSError`` where the disk refuses, ``ValidationError`` outside the folder."""

    def __init__(self, *, account_slug: str, folder: str) -> None:
        root = Path(settings.ETL_DIR).resolve()
        self._root = root / account_slug
        self._folder = self._root / require_folder(folder)

    def put(self, name: str, file: IO[bytes]) -> None:
        """Write the whole file under ``name`` or nothing: whoever reads the folder never sees a part of it."""
        target = self._folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        # A link in the folder may lead anywhere; where it leads is looked at after it is followed.
        if not target.parent.resolve().is_relative_to(self._root) or self._root.is_symlink():
            raise ValidationError(_("The folder leads outside the one for exports."), code="folder")
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".writing-")
        try:
            with os.fdopen(handle, "wb") as written:
                shutil.copyfileobj(file, written, 1 << 20)
                written.flush()
                os.fsync(written.fileno())
            Path(temporary).chmod(0o640)
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
