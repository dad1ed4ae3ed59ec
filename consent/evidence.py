"""What proves an event, encrypted under a key of the profile. When the key is destroyed the evidence is gone, copies included."""

import hashlib
import json
import os
from collections.abc import Iterable
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.db import transaction
from django.utils import timezone

from consent.models import Evidence, ProfileKey
from contacts.models import Profile

SALT = 16


class Destroyed(Exception):
    """The profile was erased: nothing more is kept about it."""


def keep_evidence(*, profile: Profile, content: dict[str, Any]) -> Evidence:
    """Encrypt and store the content (JSON). Raises ``Destroyed`` for a profile whose key is gone."""
    key, _new = ProfileKey.scoped().get_or_create(profile=profile, defaults={"secret": {"key": Fernet.generate_key().decode()}})
    secret: Any = key.secret
    if secret is None:
        raise Destroyed
    sealed = os.urandom(SALT) + json.dumps(content, sort_keys=True, ensure_ascii=False).encode()
    return Evidence.objects.create(key=key, sha256=hashlib.sha256(sealed).hexdigest(), blob=Fernet(secret["key"]).encrypt(sealed))


def read_evidence(evidence: Evidence) -> dict[str, Any] | None:
    """The content; ``None`` where the key was destroyed. Raises ``ValueError`` where what is stored is not what was kept."""
    secret: Any = evidence.key.secret
    if secret is None:
        return None
    try:
        sealed = Fernet(secret["key"]).decrypt(bytes(evidence.blob))
    except InvalidToken as error:
        raise ValueError("the evidence was changed") from error
    if hashlib.sha256(sealed).hexdigest() != evidence.sha256:
        raise ValueError("the evidence was changed")
    return json.loads(sealed[SALT:])


@transaction.atomic
def destroy_keys(profile_ids: Iterable[int]) -> int:
    """Destroy the keys of the profiles, for good: nobody reads their evidence again. Returns how many there were.

    The ledger still verifies: it holds digests. A profile without a key gets an emptied one, so that none is made later.
    """
    wanted = set(profile_ids)
    now = timezone.now()
    destroyed = ProfileKey.scoped().filter(profile__in=wanted, destroyed_at=None).update(secret=None, destroyed_at=now)
    have = set(ProfileKey.scoped().filter(profile__in=wanted).values_list("profile_id", flat=True))
    ProfileKey.objects.bulk_create([ProfileKey(profile_id=pk, secret=None, destroyed_at=now) for pk in sorted(wanted - have)])
    return destroyed
