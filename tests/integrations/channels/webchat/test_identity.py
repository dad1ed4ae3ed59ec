"""The host page's word on who is signed in there."""

import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest

from integrations.channels.webchat.identity import HostIdentity, IdentityRefused, signature_of, verify

SECRET = "s3creto-de-treinta-y-dos-caracteres!"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PAYLOAD = '{"id": "17", "email": "ana@ejemplo.cl", "name": "Ana Pérez", "phone": "+56987654321"}'


def test_the_signature_is_the_one_the_guide_describes() -> None:
    assert signature_of(PAYLOAD, secret=SECRET) == hmac.new(SECRET.encode(), PAYLOAD.encode(), hashlib.sha256).hexdigest()


def test_a_right_signature_names_the_person() -> None:
    identity = verify(payload=PAYLOAD, signature=signature_of(PAYLOAD, secret=SECRET).upper(), secret=SECRET, at=NOW)

    assert identity == HostIdentity("17", "ana@ejemplo.cl", "Ana Pérez", "+56987654321")


@pytest.mark.parametrize(
    ("payload", "signature", "secret", "reason"),
    [
        (PAYLOAD, "", SECRET, "signature"),
        (PAYLOAD, "0" * 64, SECRET, "signature"),
        (PAYLOAD, "ñ" * 64, SECRET, "signature"),
        (PAYLOAD + " ", signature_of(PAYLOAD, secret=SECRET), SECRET, "signature"),
        (PAYLOAD, signature_of(PAYLOAD, secret="another"), SECRET, "signature"),
        (PAYLOAD, signature_of(PAYLOAD, secret=""), "", "signature"),
        ("[]", signature_of("[]", secret=SECRET), SECRET, "unreadable"),
        ("{", signature_of("{", secret=SECRET), SECRET, "unreadable"),
        ('{"email": "a@b.cl"}', signature_of('{"email": "a@b.cl"}', secret=SECRET), SECRET, "unreadable"),
    ],
)
def test_anything_else_is_refused(payload: str, signature: str, secret: str, reason: str) -> None:
    with pytest.raises(IdentityRefused) as refused:
        verify(payload=payload, signature=signature, secret=secret, at=NOW)

    assert refused.value.reason == reason


def test_a_signature_may_expire() -> None:
    def check(seconds: int) -> HostIdentity:
        payload = json.dumps({"id": 17, "expires": NOW.timestamp() + seconds})
        return verify(payload=payload, signature=signature_of(payload, secret=SECRET), secret=SECRET, at=NOW)

    assert check(1).id == "17"
    with pytest.raises(IdentityRefused, match="expired"):
        check(0)
