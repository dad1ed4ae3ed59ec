"""What the pages of review campaigns show; each in a constant number of queries."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Membership
from contacts.code_senders import ready_senders
from contacts.field_words import in_words
from contacts.marking import shared_key
from contacts.models import Certainty, Contact, Identifier, Profile, Source
from contacts.quality.campaigns import CHOICES, CardState, Decision, State, stands
from contacts.quality.models import ReviewCampaign, ReviewCard
from contacts.quality.rules import conflicting_fields
from contacts.queries import FIELD_LABELS, IdentifierLine, identifiers_of

LATEST = 10
HOLDERS = 5
# What the buttons say, by decision; "keep" is worded by what is kept.
WORDS: dict[str, Any] = {
    Decision.END: gettext_lazy("No longer in use"),
    Decision.SHARE: gettext_lazy("Several people use it"),
    Decision.UNSHARE: gettext_lazy("It is one person's"),
    Decision.KEEP: gettext_lazy("It still holds"),
}
KEEP_WORDS: dict[str, Any] = {
    ReviewCampaign.Kind.SHARED: gettext_lazy("It is shared"),
    ReviewCampaign.Kind.CONFLICTING: gettext_lazy("All of them are right"),
}
KEYS = {Decision.KEEP: "k", Decision.END: "e", Decision.SHARE: "c", Decision.UNSHARE: "c", Decision.CODE: "v"}


@dataclass(frozen=True)
class Progress:
    """How far a campaign is."""

    campaign: ReviewCampaign
    total: int
    left: int
    skipped: int
    decided: int

    @property
    def done(self) -> int:
        return self.total - self.left


@dataclass(frozen=True)
class Share:
    """What one person did in a campaign: (words, count) for each kind of decision."""

    name: str
    count: int
    decisions: list[tuple[Any, int]]


@dataclass(frozen=True)
class Option:
    """One button of a card. ``key`` presses it; ``value`` and ``sender`` go along with the decision."""

    decision: str
    label: Any
    key: str = ""
    value: str = ""
    sender: str = ""
    detail: Any = ""


@dataclass(frozen=True)
class CardView:
    """One card: the contact, the value in question, what else is known of it, and what may be decided."""

    card: ReviewCard
    contact: Contact
    line: IdentifierLine | None
    field: Any
    heard_at: datetime | None
    holders: list[Contact]
    options: list[Option]
    # The problem is gone meanwhile: there is nothing to decide.
    is_gone: bool


def progress_of(campaigns: list[ReviewCampaign]) -> list[Progress]:
    """One query."""
    counts = {
        row["campaign"]: row
        for row in ReviewCard.scoped()
        .filter(campaign__in=campaigns)
        .values("campaign")
        .annotate(
            total=Count("pk"),
            left=Count("pk", filter=Q(state=CardState.OPEN)),
            skipped=Count("pk", filter=Q(state=CardState.SKIPPED)),
            decided=Count("pk", filter=Q(state=CardState.DECIDED)),
        )
    }
    nothing = {"total": 0, "left": 0, "skipped": 0, "decided": 0}
    return [
        Progress(campaign, *(counts.get(campaign.pk, nothing)[name] for name in ("total", "left", "skipped", "decided")))
        for campaign in campaigns
    ]


def latest_campaigns() -> list[Progress]:
    """The open ones first, then the latest. Two queries."""
    rows = ReviewCampaign.scoped().select_related("started_by__user").order_by("-created_at", "-pk")[:LATEST]
    return progress_of(sorted(rows, key=lambda row: row.state != State.OPEN))


def shares_of(campaign: ReviewCampaign) -> list[Share]:
    """Who did what, the busiest first. One query."""
    rows = (
        ReviewCard.scoped()
        .filter(campaign=campaign, state=CardState.DECIDED)
        .values("decided_by", "decided_by__user__name", "decided_by__user__email", "decision")
        .annotate(count=Count("pk"))
    )
    people: dict[Any, list[Any]] = {}
    for row in rows:
        people.setdefault(row["decided_by"], []).append(row)
    shares = [
        Share(
            name=mine[0]["decided_by__user__name"] or mine[0]["decided_by__user__email"] or _("Somebody who left"),
            count=sum(row["count"] for row in mine),
            decisions=[(Decision(row["decision"]).label, row["count"]) for row in sorted(mine, key=lambda row: -row["count"])],
        )
        for mine in people.values()
    ]
    return sorted(shares, key=lambda share: -share.count)


def next_card(campaign: ReviewCampaign, *, after: int = 0) -> ReviewCard | None:
    """The first open card behind ``after``, else the first of all. At most two queries."""
    cards = ReviewCard.scoped().filter(campaign=campaign, state=CardState.OPEN).select_related("campaign", "profile__contact", "identifier")
    return cards.filter(number__gt=after).order_by("number").first() or cards.order_by("number").first()


def last_decided(campaign: ReviewCampaign, membership: Membership) -> ReviewCard | None:
    """One's own last decision in the campaign that can be taken back."""
    mine = ReviewCard.scoped().filter(campaign=campaign, decided_by=membership).exclude(state__in=(CardState.OPEN, CardState.GONE))
    return mine.exclude(decision=Decision.CODE).order_by("-decided_at", "-pk").first()


def view_of(card: ReviewCard) -> CardView:
    """What the card shows now."""
    contact, row = card.profile.contact, card.identifier
    line = None
    if row is not None:
        mine = [line for line in identifiers_of(contact) if line.identifier.scope == row.scope]
        line = next((line for line in mine if shared_key(line.identifier) == shared_key(row)), None)
    return CardView(
        card=card,
        contact=contact,
        line=line,
        field=FIELD_LABELS.get(card.field, card.field),
        heard_at=_heard_at(row),
        holders=_holders(row, contact),
        options=_options(card, contact),
        is_gone=not stands(card),
    )


def _heard_at(row: Identifier | None) -> datetime | None:
    if row is None:
        return None
    profile = Profile.scoped().get(pk=row.profile_id)
    wrote = profile.address.removeprefix("+") == row.value.removeprefix("+")
    return max(row.last_seen_at, profile.last_seen_at) if wrote else row.last_seen_at


def _holders(row: Identifier | None, contact: Contact) -> list[Contact]:
    """Who else has the value."""
    if row is None:
        return []
    same = Identifier.scoped().filter(kind=row.kind, key=row.key, scope=row.scope, valid_to=None)
    return list(Contact.scoped().filter(pk__in=same.values("profile__contact")).exclude(pk=contact.pk).order_by("-last_seen_at")[:HOLDERS])


def _options(card: ReviewCard, contact: Contact) -> list[Option]:
    options = []
    for decision in CHOICES[card.campaign.kind]:
        if decision == Decision.CHOOSE:
            options += _values(card, contact)
        elif decision == Decision.CODE:
            options += _senders(card)
        else:
            label = KEEP_WORDS.get(card.campaign.kind, WORDS[decision]) if decision == Decision.KEEP else WORDS[decision]
            options.append(Option(decision, label, KEYS[Decision(decision)]))
    return options


def _values(card: ReviewCard, contact: Contact) -> list[Option]:
    """The values of the field that contradict each other, each with who said it."""
    shown = contact.fields.get(card.field)
    values = conflicting_fields(contact.fields).get(card.field, [])
    if shown is None or not values:
        return []
    givers = {str(shown["value"]): shown["profile"]} | {str(other["value"]): other["profile"] for other in reversed(shown["others"])}
    profiles = Profile.scoped().filter(pk__in=givers.values()).select_related("channel")
    origin = {row.pk: str(row.channel) if row.channel else Source(row.source).label for row in profiles}
    return [
        Option(Decision.CHOOSE, in_words(card.field, value), str(number), str(value), detail=origin.get(givers.get(str(value), 0), ""))
        for number, value in enumerate(values[:9], 1)
    ]


def _senders(card: ReviewCard) -> list[Option]:
    row = card.identifier
    if row is None or row.certainty != Certainty.CLAIMED or row.valid_to is not None:
        return []
    ready = [sender for sender in ready_senders() if row.kind in sender.reaches]
    return [
        Option(Decision.CODE, _("Send a code %(way)s") % {"way": sender.label}, "v" if number == 0 else "", sender=sender.name)
        for number, sender in enumerate(ready)
    ]
