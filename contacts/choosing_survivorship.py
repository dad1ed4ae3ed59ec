"""Which source wins, field by field: an account's own rules, what they would change, and the work that follows a change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Prefetch
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record
from accounts.background_runs import Cancelled
from accounts.models import Account
from accounts.queueing import enqueue
from accounts.roles import Ability, require
from accounts.scope import current_account_id
from contacts.announcements import contacts_changed
from contacts.locks import lock_contacts
from contacts.models import Contact, Identifier, Profile
from contacts.quality.models import RecomputeRun
from contacts.queries import FIELD_LABELS
from contacts.survivorship import BY_HAND, DEFAULT_RULE, RULES, fields_of, refresh

log = structlog.get_logger("hilo.survivorship")
State = RecomputeRun.State
CHOICES = (*RULES, BY_HAND)
LONGEST_FIELD = 40
MOST_FIELDS = 100
# A preview looks at so many contacts, the latest active first; with more it says so.
LOOKED_AT = 3000
EXAMPLES = 5
# Contacts that are computed under one lock: a message about one of them waits that long.
AT_ONCE = 50


@dataclass(frozen=True)
class Change:
    """What one contact would show instead."""

    contact: Contact
    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class RulesPreview:
    """``changed`` of the ``looked_at`` contacts would look different. ``is_cut``: there are more than were looked at."""

    looked_at: int
    changed: int
    is_cut: bool
    examples: list[Change]


def rules_now() -> dict[str, str]:
    """Field → rule, for the fields that there are words for and whatever else the account has a rule for. One query."""
    own = Account.objects.only("survivorship").get(pk=current_account_id()).survivorship
    return {field: own.get(field, DEFAULT_RULE) for field in dict.fromkeys([*FIELD_LABELS, *own])}


def checked(rules: Mapping[str, str]) -> dict[str, str]:
    """The rules, if they are. Raises ``ValidationError`` keyed by field."""
    errors = {}
    for field, rule in rules.items():
        if not field.isidentifier() or len(field) > LONGEST_FIELD:
            errors[field] = _("Write a field's name: letters, digits and underscores.")
        elif rule not in CHOICES:
            errors[field] = _("Choose one of: %(codes)s.") % {"codes": ", ".join(CHOICES)}
    if len(rules) > MOST_FIELDS:
        errors[""] = _("Write rules for at most %(max)d fields.") % {"max": MOST_FIELDS}
    if errors:
        raise ValidationError(errors)
    return dict(rules)


def preview_rules(rules: Mapping[str, str]) -> RulesPreview:
    """What other rules would change; nothing is written. Five queries. Raises ``ValidationError``."""
    wanted = {**rules_now(), **checked(rules)}
    in_order = Prefetch("identifiers", queryset=Identifier.scoped().order_by("pk"))
    profiles = Profile.scoped().order_by("first_seen_at", "pk").prefetch_related(in_order)
    people = (
        Contact.scoped().filter(is_empty=False).order_by("-last_seen_at", "-pk").prefetch_related(Prefetch("profiles", queryset=profiles))
    )
    rows = list(people[: LOOKED_AT + 1])
    changed, examples = 0, []
    for contact in rows[:LOOKED_AT]:
        after = fields_of(list(contact.profiles.all()), wanted)
        different = [
            Change(contact, field, _value(contact.fields, field), _value(after, field))
            for field in sorted({*after, *contact.fields})
            if _value(contact.fields, field) != _value(after, field)
        ]
        if different:
            changed += 1
            examples += different[:1]
    return RulesPreview(min(len(rows), LOOKED_AT), changed, len(rows) > LOOKED_AT, examples[:EXAMPLES])


def _value(fields: Mapping[str, Any], field: str) -> Any:
    return fields[field]["value"] if field in fields else None


@transaction.atomic
def change_rules(*, rules: Mapping[str, str], by: Actor) -> RecomputeRun | None:
    """Set the rules of the named fields, and ask for all contacts to be computed anew; ``None`` where nothing changes.

    What arrives follows the new rules at once. A computation that is under way starts over. Raises ``ValidationError``,
    ``PermissionDenied``.
    """
    from contacts.tasks import recompute_contacts

    require(by, Ability.MANAGE_ACCOUNT)
    wanted = checked(rules)
    account = Account.objects.select_for_update().get(pk=current_account_id())
    before = account.survivorship
    changed = {field: rule for field, rule in wanted.items() if before.get(field, DEFAULT_RULE) != rule}
    if not changed:
        return None
    account.survivorship = {**before, **changed}
    account.save(update_fields=["survivorship"])
    for field, rule in sorted(changed.items()):
        former = before.get(field, DEFAULT_RULE)
        record(actor=by, action="survivorship.change", target=account, field=field, former_rule=former, rule=rule)
    for run in RecomputeRun.unfinished():
        run.cancel()
    total = Contact.scoped().filter(is_empty=False).count()
    run = RecomputeRun.objects.create(asked_by=by.membership, total=total)
    enqueue(recompute_contacts, account_id=run.account_id, run_id=run.pk)
    return run


def recompute(*, run_id: int) -> RecomputeRun:
    """Compute every contact anew, or go on where a worker that died left off; returns the row as it ended."""
    run = RecomputeRun.take(run_id)
    if run is None:
        return RecomputeRun.scoped().get(pk=run_id)
    living = Contact.scoped().filter(is_empty=False)
    run.done = living.filter(pk__lte=run.after_id).count()
    try:
        while ids := list(living.filter(pk__gt=run.after_id).order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
            with transaction.atomic():
                # Nobody adds to them or moves them meanwhile: what is computed is what is there.
                lock_contacts(ids)
                different = refresh(ids)
                if different:
                    contacts_changed.send(sender=RecomputeRun, contact_ids=different)
            run.changed += len(different)
            run.after_id, run.done = ids[-1], run.done + len(ids)
            run.beat("after_id", "changed")
    except Cancelled:
        run.refresh_from_db()
        return run
    except Exception as error:
        log.exception("recompute_failed", run=run_id)
        run.end(State.FAILED, f"{type(error).__name__}: {error}")
        return run
    run.end(State.DONE)
    return run


def latest_recomputation() -> RecomputeRun | None:
    """One query."""
    return RecomputeRun.scoped().order_by("-pk").first()
