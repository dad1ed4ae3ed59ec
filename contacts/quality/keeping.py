"""A person's word that a problem is none: it no longer counts, until the silence that makes an identifier stale has passed again."""

from django.db import transaction
from django.utils import timezone

from accounts.actors import Actor
from accounts.auditing import record
from accounts.roles import Ability, require
from contacts.models import Identifier, Profile
from contacts.quality.due import mark_due
from contacts.quality.models import ProblemKept


@transaction.atomic
def keep_problem(*, problem: str, profile: Profile, by: Actor, identifier: Identifier | None = None, field: str = "") -> ProblemKept:
    """Leave it as it is. Saying it again renews the word. Raises ``PermissionDenied``."""
    require(by, Ability.EDIT_CONTACTS)
    word, _is_new = ProblemKept.objects.update_or_create(
        profile=profile,
        problem=problem,
        identifier=identifier,
        field=field,
        defaults={"membership": by.membership, "at": timezone.now()},
    )
    value = identifier.value if identifier else ""
    record(actor=by, action="contact.keep_problem", target=profile, problem=problem, field=field, value=value)
    mark_due([profile.contact_id])
    return word


@transaction.atomic
def take_word_back(*, word_id: int, by: Actor) -> None:
    """The problem counts again. Raises ``PermissionDenied``."""
    require(by, Ability.EDIT_CONTACTS)
    word = ProblemKept.scoped().select_related("profile").filter(pk=word_id).first()
    if word is not None:
        record(actor=by, action="contact.problem_counts", target=word.profile, problem=word.problem, field=word.field)
        mark_due([word.profile.contact_id])
        word.delete()
