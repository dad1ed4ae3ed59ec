"""Review campaigns: start one over a kind of problem, decide its cards one by one, take decisions back, end it."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record
from accounts.roles import Ability, require
from contacts.correcting import correct_field
from contacts.ending_identifiers import end_identifier, restore_identifiers
from contacts.marking import mark_shared, shared_key, unmark, unmark_value
from contacts.merging import Refused
from contacts.models import Contact, Identifier, Profile, ValueMark
from contacts.quality.keeping import keep_problem, take_word_back
from contacts.quality.models import ReviewCampaign, ReviewCard
from contacts.quality.rules import Finding
from contacts.quality.scoring import assess_contacts, renew_due
from contacts.queries import having, visible_contacts
from contacts.verifying import send_code

Kind, State = ReviewCampaign.Kind, ReviewCampaign.State
CardState, Decision = ReviewCard.State, ReviewCard.Decision
# One round takes so many contacts, the latest active first: enough for a day, and no queue without an end.
CONTACTS = 300
# What may be decided about a card of each kind; every card may also be skipped.
CHOICES: Mapping[str, tuple[str, ...]] = {
    Kind.STALE: (Decision.KEEP, Decision.END, Decision.SHARE, Decision.CODE),
    Kind.UNVERIFIED: (Decision.KEEP, Decision.END, Decision.SHARE, Decision.CODE),
    Kind.SHARED: (Decision.KEEP, Decision.UNSHARE, Decision.END),
    Kind.CONFLICTING: (Decision.CHOOSE, Decision.KEEP),
}


def start_campaign(*, kind: str, by: Actor) -> ReviewCampaign:
    """Put a card in the queue for every value that has the problem; the campaign that is under way, where there is one.

    Raises ``Refused`` where there is nothing to review, ``PermissionDenied``.
    """
    require(by, Ability.MERGE_CONTACTS)
    under_way = ReviewCampaign.scoped().filter(kind=kind, state=State.OPEN).first()
    if under_way is not None:
        return under_way
    renew_due(limit=1000)
    contacts = list(having(kind, visible_contacts()).order_by("-last_seen_at", "-pk")[:CONTACTS])
    assessed = assess_contacts(contacts)
    cards = [card for contact in contacts for finding in assessed[contact.pk].findings for card in _cards(kind, contact, finding)]
    if not cards:
        raise Refused(_("There is nothing of this kind to review."), code="nothing")
    try:
        with transaction.atomic():
            campaign = ReviewCampaign.objects.create(kind=kind, started_by=by.membership)
            for number, card in enumerate(cards, 1):
                card.campaign, card.number = campaign, number
            ReviewCard.objects.bulk_create(cards)
            record(actor=by, action="campaign.start", target=campaign, kind=kind, cards=len(cards))
    except IntegrityError:
        return ReviewCampaign.scoped().get(kind=kind, state=State.OPEN)
    return campaign


def _cards(kind: str, contact: Contact, finding: Finding) -> list[ReviewCard]:
    if finding.problem != kind:
        return []
    if finding.fields:
        return [ReviewCard(profile_id=contact.fields[name]["profile"], field=name) for name in finding.fields]
    owner = dict(Identifier.scoped().filter(pk__in=finding.identifiers).values_list("pk", "profile_id"))
    return [ReviewCard(profile_id=owner[pk], identifier_id=pk) for pk in finding.identifiers if pk in owner]


def stands(card: ReviewCard) -> bool:
    """Whether the contact still has the problem that the card is about."""
    contact = Contact.scoped().get(pk=card.profile.contact_id)
    findings = assess_contacts([contact])[contact.pk].findings
    mine = [finding for finding in findings if finding.problem == card.campaign.kind]
    if card.field:
        return any(card.field in finding.fields for finding in mine)
    row = card.identifier
    if row is None:
        return False
    others = Identifier.scoped().filter(pk__in=[pk for finding in mine for pk in finding.identifiers])
    return any((shared_key(other), other.scope) == (shared_key(row), row.scope) for other in others)


def decide(*, card: ReviewCard, decision: str, by: Actor, value: str = "", sender: str = "") -> ReviewCard:
    """Do what was decided about an open or skipped card. ``value`` is the one that was chosen, ``sender`` carries the code.

    Raises ``Refused`` where somebody else was faster or things have moved on, ``ValidationError``, ``PermissionDenied``. Call it
    outside a transaction: a code that was sent is sent, whatever happens afterwards.
    """
    require(by, Ability.MERGE_CONTACTS)
    if decision not in CHOICES[card.campaign.kind]:
        raise ValueError(decision)
    if decision == Decision.CODE:
        _hold(card.pk)
        assert card.identifier is not None
        send_code(identifier=card.identifier, sender=sender, by=by)
    with transaction.atomic():
        fresh = _hold(card.pk)
        fresh.taken_back_by = WORK[decision](fresh, value, by)
        _settle(fresh, CardState.DECIDED, decision, by)
        record(actor=by, action="campaign.decide", target=fresh.campaign, card=fresh.pk, decision=decision, value=value or _about(fresh))
    return fresh


@transaction.atomic
def skip(*, card: ReviewCard, by: Actor) -> ReviewCard:
    """Leave the card for later. One whose problem is gone is settled by it."""
    require(by, Ability.MERGE_CONTACTS)
    fresh = _hold(card.pk)
    _settle(fresh, CardState.SKIPPED if stands(fresh) else CardState.GONE, "", by)
    return fresh


@transaction.atomic
def undo(*, card: ReviewCard, by: Actor) -> ReviewCard:
    """Take a decision back and put the card in the queue again. Raises ``Refused`` for a code, which has left, and where another
    round of the same kind has begun since; ``PermissionDenied``."""
    require(by, Ability.MERGE_CONTACTS)
    fresh = _locked(card.pk)
    if fresh.state == CardState.OPEN:
        raise Refused(_("This was undone already."), code="undone")
    if fresh.decision == Decision.CODE:
        raise Refused(_("The code has left: it cannot be taken back."), code="sent")
    campaign = fresh.campaign
    if campaign.state != State.OPEN:
        if ReviewCampaign.scoped().filter(kind=campaign.kind, state=State.OPEN).exists():
            raise Refused(_("Another round of this kind has begun since."), code="another")
        campaign.state, campaign.finished_at = State.OPEN, None
        campaign.save(update_fields=["state", "finished_at"])
    if fresh.decision:
        UNDO[fresh.decision](fresh, by)
        record(actor=by, action="campaign.undo", target=campaign, card=fresh.pk, decision=fresh.decision)
    fresh.state, fresh.decision, fresh.taken_back_by, fresh.decided_by, fresh.decided_at = CardState.OPEN, "", {}, None, None
    fresh.save()
    return fresh


@transaction.atomic
def look_again(*, campaign: ReviewCampaign, by: Actor) -> int:
    """Put the skipped cards in the queue again; gives how many. Raises ``PermissionDenied``, ``Refused``."""
    require(by, Ability.MERGE_CONTACTS)
    fresh = ReviewCampaign.scoped().select_for_update().get(pk=campaign.pk)
    if ReviewCampaign.scoped().filter(kind=fresh.kind, state=State.OPEN).exclude(pk=fresh.pk).exists():
        raise Refused(_("Another round of this kind has begun since."), code="another")
    skipped = ReviewCard.scoped().filter(campaign=fresh, state=CardState.SKIPPED)
    count = skipped.update(state=CardState.OPEN, decided_by=None, decided_at=None)
    if count:
        fresh.state, fresh.finished_at = State.OPEN, None
        fresh.save(update_fields=["state", "finished_at"])
    return count


@transaction.atomic
def end_campaign(*, campaign: ReviewCampaign, by: Actor) -> None:
    """End it before everything is decided; what was decided stays. Raises ``PermissionDenied``."""
    require(by, Ability.MERGE_CONTACTS)
    fresh = ReviewCampaign.scoped().select_for_update().get(pk=campaign.pk)
    if fresh.state == State.OPEN:
        fresh.state, fresh.finished_at = State.CANCELLED, timezone.now()
        fresh.save(update_fields=["state", "finished_at"])
        record(actor=by, action="campaign.end", target=fresh, kind=fresh.kind)


def _locked(card_id: int) -> ReviewCard:
    # The campaign's row first: whoever decides its last two cards at once still ends it.
    campaign = ReviewCard.scoped().values_list("campaign_id", flat=True).get(pk=card_id)
    ReviewCampaign.scoped().select_for_update().get(pk=campaign)
    return ReviewCard.scoped().select_related("campaign", "profile", "identifier").get(pk=card_id)


@transaction.atomic
def _hold(card_id: int) -> ReviewCard:
    card = _locked(card_id)
    if card.campaign.state != State.OPEN or card.state not in (CardState.OPEN, CardState.SKIPPED):
        raise Refused(_("Somebody decided this already."), code="decided")
    return card


def _settle(card: ReviewCard, state: str, decision: str, by: Actor) -> None:
    card.state, card.decision, card.decided_by, card.decided_at = state, decision, by.membership, timezone.now()
    card.save()
    if not ReviewCard.scoped().filter(campaign=card.campaign, state=CardState.OPEN).exists():
        card.campaign.state, card.campaign.finished_at = State.FINISHED, timezone.now()
        card.campaign.save(update_fields=["state", "finished_at"])


def _about(card: ReviewCard) -> str:
    return card.identifier.value if card.identifier else card.field


def _identifier(card: ReviewCard) -> Identifier:
    if card.identifier is None:
        raise Refused(_("The identifier moved meanwhile: look again."), code="not_here")
    return card.identifier


def _keep(card: ReviewCard, _value: str, by: Actor) -> dict[str, Any]:
    word = keep_problem(problem=card.campaign.kind, profile=card.profile, identifier=card.identifier, field=card.field, by=by)
    return {"word": word.pk}


def _end(card: ReviewCard, _value: str, by: Actor) -> dict[str, Any]:
    return {"rows": end_identifier(identifier=_identifier(card), by=by)}


def _share(card: ReviewCard, _value: str, by: Actor) -> dict[str, Any]:
    row = _identifier(card)
    kind, key = shared_key(row)
    marked = ValueMark.scoped().filter(kind=kind, key=key).exists()
    mark_shared(identifier=row, by=by)
    return {} if marked else {"mark": [kind, key]}


def _unshare(card: ReviewCard, _value: str, by: Actor) -> dict[str, Any]:
    unmark(identifier=_identifier(card), by=by)
    return {}


def _choose(card: ReviewCard, value: str, by: Actor) -> dict[str, Any]:
    contact = Contact.scoped().get(pk=card.profile.contact_id)
    correct_field(contact=contact, field=card.field, value=value, by=by)
    return {"field": card.field}


def _sent(_card: ReviewCard, _value: str, _by: Actor) -> dict[str, Any]:
    return {}


WORK: dict[str, Callable[[ReviewCard, str, Actor], dict[str, Any]]] = {
    Decision.KEEP: _keep,
    Decision.END: _end,
    Decision.SHARE: _share,
    Decision.UNSHARE: _unshare,
    Decision.CHOOSE: _choose,
    Decision.CODE: _sent,
}


def _undo_share(card: ReviewCard, by: Actor) -> None:
    if mark := card.taken_back_by.get("mark"):
        unmark_value(kind=mark[0], key=mark[1], by=by)


def _undo_choice(card: ReviewCard, by: Actor) -> None:
    contact = Contact.scoped().get(pk=Profile.scoped().values_list("contact_id", flat=True).get(pk=card.profile_id))
    correct_field(contact=contact, field=card.field, value="", by=by)


UNDO: dict[str, Callable[[ReviewCard, Actor], Any]] = {
    Decision.KEEP: lambda card, by: take_word_back(word_id=card.taken_back_by["word"], by=by),
    Decision.END: lambda card, by: restore_identifiers(identifier_ids=card.taken_back_by["rows"], by=by),
    Decision.SHARE: _undo_share,
    Decision.UNSHARE: lambda card, by: mark_shared(identifier=_identifier(card), by=by),
    Decision.CHOOSE: _undo_choice,
}
