"""Why two contacts are one, or are not, in words."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.models import Account
from accounts.scope import current_account_id
from contacts.comparing import compare_two, known_of
from contacts.evidence_words import origin_in_words
from contacts.models import Contact, MatchDecision, MergeEvent, MergeSuggestion, NeverMerge, Profile, ProfileMove
from contacts.queries import APART_LABELS, CAUSE_LABELS, live_contact, readable
from contacts.sides import contradiction, sides_of


@dataclass(frozen=True)
class Explanation:
    """``verdict``: how it stands. ``lines``: what speaks for it, the latest and strongest first. In the active language."""

    verdict: str
    lines: list[str]


def explain(*, one: int, other: int) -> Explanation:
    """Explain two contacts by their ids, also of contacts that were merged away. Raises ``Contact.DoesNotExist``."""
    first, second = live_contact(one), live_contact(other)
    if first == second:
        return Explanation(_("They are one contact: %(name)s.") % {"name": first}, _how_joined(first, {one, other}))
    lines = [
        *_told_apart(first, second),
        *_against(first, second),
        *_in_common(first, second),
        *_asked(first, second),
        *_decided(first, second),
    ]
    return Explanation(_("They are two contacts: %(one)s and %(other)s.") % {"one": first, "other": second}, lines)


def _how_joined(contact: Contact, asked: set[int]) -> list[str]:
    moves = ProfileMove.scoped().filter(profile__contact=contact, from_contact__in=asked, event__kind=MergeEvent.Kind.MERGE)
    events = MergeEvent.scoped().filter(pk__in=moves.values("event")).order_by("-at", "-pk")
    lines = []
    for event in events[:5]:
        cause = str(CAUSE_LABELS.get(event.cause, event.reason or event.cause))
        lines.append(_("Merged by %(who)s: %(why)s.") % {"who": event.actor_name, "why": cause})
        lines += [_("Both gave %(value)s.") % {"value": readable(key["kind"], key["key"])} for key in event.evidence.get("keys", [])]
    for decision in MatchDecision.scoped().filter(profile__contact=contact, outcome=MatchDecision.Outcome.ATTACHED).order_by("-pk")[:5]:
        lines += [
            _("Joined at the first message, by %(value)s.") % {"value": readable(k["kind"], k["key"])}
            for k in decision.evidence.get("keys", [])
        ]
    return lines or [_("It is the same contact from its first message on.")]


def _told_apart(one: Contact, other: Contact) -> list[str]:
    pairs = NeverMerge.scoped().filter(low__contact__in=(one, other), high__contact__in=(one, other))
    between = [pair for pair in pairs.select_related("low", "high", "membership__user") if pair.low.contact_id != pair.high.contact_id]
    who = sorted({str(pair.membership) for pair in between if pair.membership})
    if not between:
        return []
    return [_("%(who)s said that they are different people: nothing joins them by itself.") % {"who": ", ".join(who) or "Hilo"}]


def _against(one: Contact, other: Contact) -> list[str]:
    sides = sides_of((one.pk, other.pk))
    why = contradiction(sides[one.pk], sides[other.pk])
    lines = {
        "national_id": _("Their national ids exclude each other."),
        "verified": _("Each has another confirmed address of one kind."),
    }
    found = [lines[why]] if why else []
    if compare_two(one.pk, other.pk).names_conflict:
        found.append(_("Their given names can hardly be one person's."))
    return found


def _in_common(one: Contact, other: Contact) -> list[str]:
    known = known_of((one.pk, other.pk))
    both = [key for key in known[one.pk].values if key in known[other.pk].values]
    shared = set(compare_two(one.pk, other.pk).shared)
    lines = []
    for kind, key in both:
        value = readable(kind, known[one.pk].values[kind, key])
        is_shared = known[one.pk].values[kind, key] in shared
        lines.append(
            _("Both have %(value)s, which several people share.") % {"value": value}
            if is_shared
            else _("Both have %(value)s.") % {"value": value}
        )
    if not both:
        lines.append(_("They have no email, no phone and no other identifier in common."))
    if both and not Account.objects.get(pk=current_account_id()).unification_enabled:
        lines.append(_("Unification is off: an equal email or phone joins nobody by itself."))
    return lines


def _asked(one: Contact, other: Contact) -> list[str]:
    rows = MergeSuggestion.scoped().filter(low__contact__in=(one, other), high__contact__in=(one, other)).select_related("low", "high")
    return [
        _("Suggested: %(why)s (%(state)s).") % {"why": origin_in_words(row.origin), "state": row.get_state_display().lower()}
        for row in rows.order_by("-pk")
        if row.low.contact_id != row.high.contact_id
    ]


def _decided(one: Contact, other: Contact) -> list[str]:
    profiles = dict(Profile.scoped().filter(contact__in=(one, other)).values_list("pk", "contact_id"))
    reasons: dict[str, None] = {}
    for decision in MatchDecision.scoped().filter(profile__in=profiles, evidence__has_key="apart").order_by("-at", "-pk")[:20]:
        for entry in decision.evidence["apart"]:
            if any(profiles.get(pk, profiles[decision.profile_id]) != profiles[decision.profile_id] for pk in entry["profiles"]):
                reasons[str(APART_LABELS.get(entry["why"], entry["why"]))] = None
    return [_("Kept apart when a message came in: %(why)s.") % {"why": why} for why in reasons]
