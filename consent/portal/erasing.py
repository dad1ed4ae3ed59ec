"""What the portal keeps of somebody for a day: gone at once when they are erased."""

from consent.models import PortalProof, PortalSignIn
from consent.points import linked
from consent.portal.addresses import NUMBERS
from contacts.erasers import Person, Report
from contacts.models import IdentifierKind


def erase_visits(person: Person, report: Report) -> None:
    """Eraser: the addresses that were shown in visits, and the requests to get in by them."""
    reached = [each for each in person.identifiers if each.kind in (IdentifierKind.EMAIL, *NUMBERS)]
    lookups = [point.ref.lookup for point in linked(reached)]
    for rows in (PortalProof.scoped().filter(point__lookup_hmac__in=lookups), PortalSignIn.scoped().filter(lookup_hmac__in=lookups)):
        count, _by_model = rows.delete()
        report.removed["portal"] += count
