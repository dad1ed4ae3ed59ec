"""The addresses by which people come in: read as typed, found among the identifiers, shown masked."""

from typing import Any

from accounts.models import Account
from accounts.scope import current_account_id
from accounts.tenancy import TenantQuerySet
from consent.fingerprints import PointRef, point_ref
from contacts.masking import masked
from contacts.models import Identifier, IdentifierKind
from contacts.normalising import normal
from contacts.queries import readable

__all__ = ["identifiers_at", "kept", "masked", "read_address", "read_kept", "shown"]
# A WhatsApp id is its phone's point, so these two are all that a letter reaches.
NUMBERS = (IdentifierKind.PHONE, IdentifierKind.WHATSAPP)


def read_address(text: str) -> PointRef | None:
    """The point that somebody typed, an email or a phone; ``None`` where it is neither."""
    kind = IdentifierKind.EMAIL if "@" in text else IdentifierKind.PHONE
    region = Account.objects.only("default_region").get(pk=current_account_id()).default_region
    value = normal(kind, text, region=region)
    return point_ref(kind=kind, value=value.value) if value is not None else None


def kept(ref: PointRef) -> dict[str, Any]:
    """The address as the portal's tables keep it, encrypted."""
    return {"kind": ref.kind, "value": ref.value}


def read_kept(address: Any) -> PointRef:
    """The point of an address that the portal's tables kept."""
    return point_ref(kind=address["kind"], value=address["value"])


def identifiers_at(*refs: PointRef) -> TenantQuerySet[Identifier]:
    """The identifiers, still in use, that stand for one of the points, whoever's they are."""
    spelled = {spelling for ref in refs for spelling in ((ref.key,) if ref.kind == "email" else (ref.key, ref.key.lstrip("+")))}
    return Identifier.scoped().filter(kind__in=(IdentifierKind.EMAIL, *NUMBERS), key__in=spelled, valid_to=None)


def shown(kind: str, value: str) -> str:
    """The address as people write it."""
    return readable(kind, value)
