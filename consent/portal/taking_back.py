"""The undo of an unsubscribe link: it puts back what that very tap took away, for ten minutes, and gives nothing more.

The link itself only ever opts out, and mail scanners press its button too. The way back stands in the answer to the tap, and only
where the tap changed something: a second tap, or one after the person withdrew elsewhere, has no way back.
"""

from datetime import datetime

from django.core import signing
from django.db import transaction
from django.utils import timezone

from consent.gate import decide_many
from consent.ledger import record
from consent.models import ConsentEvent, ContactPoint, NoticeVersion, Purpose
from consent.one_click import Link, use_token
from consent.points import ref_of
from consent.portal.choosing import OFF, PERSON
from consent.questions import Question
from consent.standing import standing
from consent.vocabulary import Action, Basis, Origin, PurposeClass
from contacts.models import Profile

SALT = "consent.portal.taking_back"
MINUTES = 10
EMAIL = "email"


def unsubscribe(*, link: Link, token: str) -> str:
    """Withdraw what the link names. Returns what the undo needs, signed; empty where there is nothing to put back.

    Call it in the scope of the link's account.
    """
    started = timezone.now()
    before = _agreed_before(link, at=started)
    event = use_token(token, origin=Origin.ONE_CLICK, occurred_at=started)
    if event is None or event.recorded_at < started or not before:
        return ""
    return signing.dumps({"event": event.pk, "agreed": before}, salt=SALT)


@transaction.atomic
def take_back(*, signed: str) -> bool:
    """Put back what was agreed to before the tap. ``False`` where it is too late, or the person has said something since."""
    try:
        kept = signing.loads(signed, salt=SALT, max_age=MINUTES * 60)
    except signing.BadSignature:
        return False
    event = ConsentEvent.scoped().select_related("point").filter(pk=kept["event"], source=Origin.ONE_CLICK).first()
    if event is None:
        return False
    point = ContactPoint.scoped().select_for_update().get(pk=event.point_id)
    later = ConsentEvent.scoped().filter(point__match_hmac=point.match_hmac, pk__gt=event.pk)
    if later.exclude(action=Action.GRANT, source=Origin.ONE_CLICK).exists():
        return False
    for purpose, number in kept["agreed"]:
        record(
            ref=ref_of(point),
            action=Action.GRANT,
            origin=Origin.ONE_CLICK,
            occurred_at=timezone.now(),
            key=f"one-click-undo:{event.pk}:{purpose}",
            profile=Profile.scoped().filter(pk__in=[event.profile_id]).first(),
            channel=EMAIL,
            purpose=purpose,
            basis=Basis.CONSENT,
            possession_proven=True,
            notice=NoticeVersion.scoped().filter(purpose__key=purpose, number=number).first() if number else None,
            by=PERSON,
        )
    return True


def _agreed_before(link: Link, *, at: datetime) -> list[tuple[str, int]]:
    """Purpose and number of the wording of what the link is about to take away."""
    point = ContactPoint.scoped().filter(pk=link.point_id).first()
    purposes = Purpose.scoped().filter(purpose_class=PurposeClass.MARKETING, is_active=True)
    if link.purpose:
        purposes = purposes.filter(key=link.purpose)
    if point is None:
        return []
    asked = [Question(ref=ref_of(point), profile_id=link.profile_id, channel=EMAIL, purpose=purpose.key, at=at) for purpose in purposes]
    agreed = []
    for ruling in decide_many(asked):
        if ruling.facts is not None and not OFF.intersection(ruling.reasons):
            stands = standing(
                ruling.facts.cells,
                profile_id=link.profile_id,
                channel=EMAIL,
                purpose=ruling.question.purpose,
                is_shared=ruling.facts.is_shared,
            )
            agreed.append((ruling.question.purpose, max((grant.notice for grant in stands.grants), default=0)))
    return agreed
