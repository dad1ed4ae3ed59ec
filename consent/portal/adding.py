"""Another address of the visitor's, once they have shown it: it becomes an identifier of theirs, verified."""

from django.utils import timezone

from accounts.auditing import record
from consent.fingerprints import PointRef
from consent.models import PortalVisit
from consent.portal.choosing import PERSON
from consent.portal.reach import reach_of
from contacts.claims import Claim, ClaimedIdentifier
from contacts.matching import learn
from contacts.models import Certainty, Source


def take_on(*, visit: PortalVisit, ref: PointRef) -> None:
    """Call it before the point is among the visit's proofs, in the transaction that puts it there.

    An address that one of the reached profiles carries already is only shown. Another is learnt, and it is decided by the account's
    mode whether it joins anybody. May raise ``StillMoving``.
    """
    reach = reach_of(visit)
    if reach.first is None or any(known.match == ref.match for known in reach.refs):
        return
    said = ClaimedIdentifier(ref.kind, ref.value, Certainty.VERIFIED)
    found = learn(profile=reach.first, claim=Claim((said,)), occurred_at=timezone.now(), source=Source.FORM, cause="portal")
    record(actor=PERSON, action="identifier.add", target=found.contact, kind=ref.kind, value=ref.value)
