"""A person's word on what a rule did: keep it, or take it back."""

from django.db import transaction

from accounts.actors import Actor
from accounts.roles import Ability, require
from contacts.marking import mark_blocked, unmark_value
from contacts.merging import separate_and_mark_shared
from contacts.models import Identifier, IdentityReview
from contacts.reviewing import Kind, State, settle

# Kind → what a person may say about it.
CHOICES: dict[str, tuple[str, ...]] = {
    Kind.SHARED_VALUE: ("kept", "unmarked", "blocked"),
    Kind.SHARED_JOIN: ("kept", "separated"),
    Kind.FULL_CONTACT: ("seen",),
    Kind.MERGE_STORM: ("seen",),
}


@transaction.atomic
def decide(*, review: IdentityReview, decision: str, by: Actor) -> IdentityReview:
    """Do what was decided and settle the review. Raises ``Refused`` where things have moved on, ``PermissionDenied``."""
    require(by, Ability.MERGE_CONTACTS)
    if decision not in CHOICES[review.kind]:
        raise ValueError(decision)
    if review.state == State.SETTLED:
        return review
    if decision == "unmarked":
        unmark_value(kind=review.value_kind, key=review.key, by=by)
    if decision == "blocked":
        mark_blocked(kind=review.value_kind, key=review.key, by=by)
    if decision == "separated":
        rows = Identifier.scoped().filter(profile=review.profile_id, kind=review.value_kind, key=review.key)
        separate_and_mark_shared(profile=rows.get().profile, identifier=rows.get(), by=by)
    return settle(review=review, decision=decision, by=by)
