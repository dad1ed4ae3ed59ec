"""An agent pressed "no more promotions" by mistake: their own entry is taken back for ten minutes, as an entry of its own.

Nothing is erased and nothing is granted: what holds is drawn from the ledger without the slip, so whatever stood before stands again,
and whatever somebody else said stands too.
"""

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.roles import Ability, require
from consent.ledger import record
from consent.models import ConsentEvent, ContactPoint
from consent.points import ref_of
from consent.vocabulary import Action, Origin
from contacts.locks import hold
from contacts.models import Contact, Profile

FOR = timedelta(minutes=10)


def slip_of(*, contact: Contact, by: Actor) -> list[ConsentEvent]:
    """The entries of the member's latest one-click opt-out of the contact, while they may be taken back. Two queries.

    Empty after ten minutes, for anybody else, and once anything was recorded about one of the addresses since.
    """
    if by.membership is None:
        return []
    mine = ConsentEvent.scoped().filter(
        profile__contact=contact,
        source=Origin.AGENT,
        action=Action.WITHDRAW,
        reason="told",
        membership=by.membership,
        recorded_at__gt=timezone.now() - FOR,
        retractions=None,
    )
    found = list(mine.select_related("point").order_by("-pk"))
    batch = [event for event in found if (event.occurred_at, event.profile_id) == (found[0].occurred_at, found[0].profile_id)]
    if not batch:
        return []
    lines = {event.point.match_hmac for event in batch}
    since = ConsentEvent.scoped().filter(point__match_hmac__in=lines, pk__gt=min(event.pk for event in batch))
    return [] if since.exclude(pk__in=[event.pk for event in batch]).exists() else batch


@transaction.atomic
def retract_slip(*, contact: Contact, by: Actor) -> list[ConsentEvent]:
    """Take the member's latest one-click opt-out of the contact back, at every address. Raises ``ValidationError``, ``PermissionDenied``.

    Messages that it stopped meanwhile stay stopped.
    """
    require(by, Ability.RECORD_CONSENT)
    hold(
        lambda: dict(Profile.scoped().filter(contact=contact).values_list("pk", "contact_id")),
        contacts_of=lambda found: found,
    )
    # What is said at the same instant comes before or after, at every spelling of the line.
    lines = {event.point.match_hmac for event in slip_of(contact=contact, by=by)}
    list(ContactPoint.scoped().select_for_update().filter(match_hmac__in=lines).order_by("lookup_hmac"))
    batch = slip_of(contact=contact, by=by)
    if not batch:
        raise ValidationError(_("This can no longer be taken back. The person can agree again themselves."))
    return [
        record(
            ref=ref_of(event.point),
            action=Action.RETRACT,
            origin=Origin.AGENT,
            occurred_at=timezone.now(),
            key=f"retract:{event.pk}",
            profile=Profile.scoped().filter(pk__in=[event.profile_id]).first(),
            channel=event.channel,
            purpose=event.purpose,
            reason="slip",
            retracts=event,
            by=by,
        )
        for event in sorted(batch, key=lambda event: event.point.lookup_hmac)
    ]
