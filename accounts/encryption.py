"""Secrets of channels and connections, encrypted at rest with rotating keys."""

import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


def _cipher() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_ENCRYPTION_KEYS])


class EncryptedJSONField(models.BinaryField):
    """A JSON object that the database holds encrypted. The first of ``FIELD_ENCRYPTION_KEYS`` encrypts, any decrypts."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("default", dict)
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def get_default(self) -> Any:
        return self.default() if callable(self.default) else self.default

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is not None and not isinstance(value, (bytes, memoryview)):
            value = _cipher().encrypt(json.dumps(value).encode())
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> dict[str, Any] | None:
        if value is None:
            return None
        try:
            return json.loads(_cipher().decrypt(bytes(value)))
        except InvalidToken as error:
            raise ValueError("A stored secret cannot be read: the key that encrypted it is missing from HILO_FIELD_KEYS.") from error
