"""Advisory locks of the inbox, held until the transaction ends. They are taken before the locks of ``contacts``."""

import hashlib

from django.db import connection


def lock_provider_message(*, channel_id: int, provider_id: str) -> None:
    """One transaction at a time for one message of a channel: its duplicates, its echo, its receipt and its statuses."""
    digest = hashlib.blake2b(f"message:{channel_id}:{provider_id}".encode(), digest_size=8).digest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest, "big", signed=True)])
