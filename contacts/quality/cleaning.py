"""The scheduled cleaning: only what is safe, each step on record with the rows as they were, so that it can be taken back.

A cleaning is a row, so that a worker that died is replaced; every step may run twice without harm.
"""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from simple_history.utils import bulk_update_with_history

from accounts.actors import SYSTEM, Actor
from accounts.auditing import record
from accounts.models import Account
from accounts.queueing import enqueue
from accounts.roles import Ability, require
from accounts.scope import current_account_id
from contacts.block_keys import renew_keys
from contacts.merging import Refused
from contacts.models import EndReason, Identifier, MergeSuggestion, Profile, ValueMark, VerificationCode
from contacts.normalising import KEY_VERSION, normal
from contacts.quality.due import mark_due
from contacts.quality.in_use import in_use
from contacts.quality.models import CleaningReport, CleaningStep
from contacts.quality.scoring import renew_everybody
from contacts.survivorship import refresh

log = structlog.get_logger("hilo.quality")
State, Step = CleaningReport.State, CleaningStep.Kind
# Rows that one step changes in a night; the rest follows the next night.
MOST = 2000
AT_ONCE = 500
SETTLED_FOR = timedelta(days=30)
CODES_KEPT = timedelta(days=7)


def ask_for_cleaning(*, by: Actor) -> CleaningReport:
    """Ask a worker to clean now; the cleaning that is under way, where there is one. Raises ``PermissionDenied``."""
    from contacts.tasks import clean_account

    require(by, Ability.MANAGE_ACCOUNT)
    try:
        with transaction.atomic():
            report = CleaningReport.objects.create(asked_by=by.membership)
    except IntegrityError:
        return CleaningReport.unfinished().get()
    enqueue(clean_account, account_id=report.account_id, run_id=report.pk)
    return report


def clean(*, report_id: int) -> CleaningReport:
    """Do the cleaning, unless somebody does it already; returns the row as it ended."""
    report = CleaningReport.take(report_id)
    if report is None:
        return CleaningReport.scoped().get(pk=report_id)
    account = Account.objects.get(pk=current_account_id())
    report.total = len(STEPS)
    try:
        # What a worker that died had done stays on record as it is.
        behind = set(report.steps.values_list("kind", flat=True))
        for kind, work in STEPS.items():
            if kind not in behind:
                # Change and record together, but for the scores: nobody should wait for those, and there is nothing to take back.
                with nullcontext() if kind == Step.SCORES else transaction.atomic():
                    count, before = work(account)
                    CleaningStep.objects.create(report=report, kind=kind, count=count, before=before)
            report.done += 1
            report.beat()
    except Exception as error:
        log.exception("cleaning_failed", report=report_id)
        report.end(State.FAILED, f"{type(error).__name__}: {error}")
    else:
        report.end(State.DONE)
    by = Actor.person(report.asked_by) if report.asked_by else SYSTEM
    counts = {step.kind: step.count for step in report.steps.all() if step.count}
    record(actor=by, action="quality.clean", target=report, state=report.state, figures=counts)
    return report


@transaction.atomic
def take_back(*, step: CleaningStep, by: Actor) -> int:
    """Put the rows of a step back as they were, but for those that changed since; gives how many went back.

    Raises ``Refused`` where it was taken back before or nothing can be, ``PermissionDenied``.
    """
    require(by, Ability.MANAGE_ACCOUNT)
    fresh = CleaningStep.scoped().select_for_update().get(pk=step.pk)
    if fresh.undone_at is not None or not fresh.before:
        raise Refused(_("There is nothing to take back."), code="undone")
    count = BACK[fresh.kind](fresh.before)
    fresh.undone_at, fresh.undone_by = timezone.now(), by.membership
    fresh.save(update_fields=["undone_at", "undone_by"])
    record(actor=by, action="quality.take_back", target=fresh, kind=fresh.kind, count=count)
    return count


Done = tuple[int, list[dict[str, Any]]]


def _normalise(account: Account) -> Done:
    """Read identifiers anew whose key was made by older rules. A mark on the old key goes with it, so that no protection is lost."""
    before: list[dict[str, Any]] = []
    rows = list(Identifier.scoped().filter(key_version__lt=KEY_VERSION).select_related("profile").order_by("pk")[:MOST])
    for row in rows:
        read = normal(row.kind, row.raw, region=account.default_region)
        old = {"id": row.pk, "value": row.value, "key": row.key, "loose_key": row.loose_key, "key_version": row.key_version}
        taken = read is not None and (
            Identifier.scoped().filter(profile=row.profile_id, kind=row.kind, scope=row.scope, key=read.key).exclude(pk=row.pk).exists()
        )
        row.key_version = KEY_VERSION
        if read is not None and not taken:
            if read.key != row.key:
                _copy_mark(row.kind, row.key, read.key)
            row.value, row.key, row.loose_key = read.value, read.key, read.loose_key
        bulk_update_with_history([row], Identifier, ["value", "key", "loose_key", "key_version"])
        refresh([row.profile.contact_id])
        before.append(old)
    renew_keys({row.profile_id for row in rows})
    return len(before), before


def _copy_mark(kind: str, old: str, new: str) -> None:
    mark = ValueMark.scoped().filter(kind=kind, key=old).first()
    if mark is not None:
        values = {"mark": mark.mark, "reason": mark.reason, "is_automatic": mark.is_automatic}
        ValueMark.objects.get_or_create(kind=kind, key=new, defaults=values)


def _normalise_back(before: list[dict[str, Any]]) -> int:
    rows = {row.pk: row for row in Identifier.scoped().filter(pk__in=[old["id"] for old in before]).select_related("profile")}
    back = []
    for old in before:
        row = rows.get(old["id"])
        if row is not None and row.key_version == KEY_VERSION:
            # The version stays, otherwise the next night would read it anew.
            row.value, row.key, row.loose_key = old["value"], old["key"], old["loose_key"]
            back.append(row)
    bulk_update_with_history(back, Identifier, ["value", "key", "loose_key"], batch_size=AT_ONCE)
    renew_keys({row.profile_id for row in back})
    refresh(row.profile.contact_id for row in back)
    return len(back)


def _retire_visitors(account: Account) -> Done:
    """Visitors who left nothing and whom no room remembers: their browser is forgotten, and starts anew if it comes back."""
    if account.retire_visitors_after_days is None:
        return 0, []
    since = timezone.now() - timedelta(days=account.retire_visitors_after_days)
    silent = Profile.scoped().filter(is_current=True, last_seen_at__lt=since, contact__is_anonymous=True, given={}, later={})
    ids = list(silent.exclude(address="").order_by("pk").values_list("pk", flat=True)[:MOST])
    empty = sorted(set(ids) - in_use(ids))
    now = timezone.now()
    rows = list(Identifier.scoped().filter(profile__in=empty, valid_to=None))
    for row in rows:
        row.valid_to, row.end_reason = now, EndReason.RETIRED
    bulk_update_with_history(rows, Identifier, ["valid_to", "end_reason"], batch_size=AT_ONCE)
    Profile.scoped().filter(pk__in=empty).update(is_current=False)
    of_profile: dict[int, list[int]] = {pk: [] for pk in empty}
    for row in rows:
        of_profile[row.profile_id].append(row.pk)
    return len(empty), [{"profile": pk, "identifiers": identifiers} for pk, identifiers in of_profile.items()]


def _visitors_back(before: list[dict[str, Any]]) -> int:
    profiles = Profile.scoped().filter(pk__in=[old["profile"] for old in before], is_current=False)
    taken = set(Profile.scoped().filter(is_current=True, address__in=profiles.values("address")).values_list("channel_id", "address"))
    # A browser that came back meanwhile has a profile of its own by now.
    back = [profile.pk for profile in profiles if (profile.channel_id, profile.address) not in taken]
    Profile.scoped().filter(pk__in=back).update(is_current=True)
    rows = list(Identifier.scoped().filter(profile__in=back, end_reason=EndReason.RETIRED))
    for row in rows:
        row.valid_to, row.end_reason = None, ""
    bulk_update_with_history(rows, Identifier, ["valid_to", "end_reason"], batch_size=AT_ONCE)
    return len(back)


def _close_suggestions(_account: Account) -> Done:
    """Those whose two sides have been one contact for a month. An unmerge before that brings them back by itself."""
    State = MergeSuggestion.State
    undecided = MergeSuggestion.scoped().filter(state__in=(State.OPEN, State.DEFERRED), updated_at__lt=timezone.now() - SETTLED_FOR)
    rows = list(undecided.filter(low__contact=F("high__contact")).order_by("pk").values("id", "state")[:MOST])
    ids = [row["id"] for row in rows]
    MergeSuggestion.scoped().filter(pk__in=ids).update(state=State.OBSOLETE, updated_at=timezone.now())
    return len(rows), [dict(row) for row in rows]


def _suggestions_back(before: list[dict[str, Any]]) -> int:
    count = 0
    for state in {old["state"] for old in before}:
        ids = [old["id"] for old in before if old["state"] == state]
        closed = MergeSuggestion.scoped().filter(pk__in=ids, state=MergeSuggestion.State.OBSOLETE)
        mark_due(closed.values_list("low__contact_id", flat=True))
        count += closed.update(state=state, updated_at=timezone.now())
    return count


def _forget_codes(_account: Account) -> Done:
    """Codes that ran out long ago confirm nothing: there is nothing to take back."""
    expired = VerificationCode.scoped().filter(expires_at__lt=timezone.now() - CODES_KEPT)
    return expired.delete()[0], []


def _renew_scores(_account: Account) -> Done:
    _seen, changed = renew_everybody()
    return changed, []


STEPS: dict[str, Callable[[Account], Done]] = {
    Step.NORMALISED: _normalise,
    Step.VISITORS: _retire_visitors,
    Step.SUGGESTIONS: _close_suggestions,
    Step.CODES: _forget_codes,
    # Last: it looks at what the others left.
    Step.SCORES: _renew_scores,
}
BACK: dict[str, Callable[[list[dict[str, Any]]], int]] = {
    Step.NORMALISED: _normalise_back,
    Step.VISITORS: _visitors_back,
    Step.SUGGESTIONS: _suggestions_back,
}
