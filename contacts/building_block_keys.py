"""Make an account's block keys anew when the rules changed: in small batches beside the traffic, resumable, safe to run twice.

Look-ups ask for keys of the newest rules only, so that until it is done somebody similar may not be found, and nobody is found wrongly.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.queueing import enqueue
from accounts.scope import current_account_id
from contacts.block_keys import VERSION, renew_keys
from contacts.locks import hold
from contacts.models import BlockKeyBuild, CrowdedKey, Profile

# Their contacts are locked meanwhile, so a batch is small, and a worker does some and hands the rest to the next.
BATCH = 200
BATCHES_PER_TASK = 50
# A worker that gave no sign for this long is gone.
DEAD_AFTER = timedelta(minutes=2)


def outdated() -> bool:
    """Whether the account's keys wait for somebody to make them: other rules, or never made, and nobody is at it."""
    build = BlockKeyBuild.scoped().first()
    if build is None:
        return Profile.scoped().exists()
    is_done = build.version == VERSION and build.finished_at is not None
    return not is_done and build.beat_at < timezone.now() - DEAD_AFTER


def build(*, anew: bool = False) -> BlockKeyBuild:
    """Go on where the last worker stopped, for some batches; asks a worker for the rest. ``anew``: from the first profile."""
    row = _begin(anew=anew)
    for _batch in range(BATCHES_PER_TASK):
        if row.finished_at is not None:
            return row
        row = _next_batch(row)
    from contacts.tasks import build_block_keys

    enqueue(build_block_keys, account_id=current_account_id())
    return row


def build_all(*, anew: bool = False) -> BlockKeyBuild:
    """The same until it is done, in this process."""
    row = _begin(anew=anew)
    while row.finished_at is None:
        row = _next_batch(row)
    return row


@transaction.atomic
def _begin(*, anew: bool) -> BlockKeyBuild:
    row, is_new = BlockKeyBuild.scoped().select_for_update().get_or_create(defaults={"version": VERSION})
    if anew or is_new or row.version != VERSION:
        # What was crowded by other rules, or in other times, may not be now.
        CrowdedKey.scoped().all().delete()
        row.version, row.done_to, row.finished_at = VERSION, 0, None
    row.beat_at = timezone.now()
    row.save()
    return row


@transaction.atomic
def _next_batch(row: BlockKeyBuild) -> BlockKeyBuild:
    """The next profiles, under the locks of their contacts: whoever says something new meanwhile waits, and writes last.

    Raises ``contacts.locks.StillMoving`` where these people are merged and separated all the time; a sweeper asks again.
    """
    row = BlockKeyBuild.scoped().select_for_update().get(pk=row.pk)
    if row.finished_at is not None:
        return row
    profile_ids = list(Profile.scoped().filter(pk__gt=row.done_to).order_by("pk").values_list("pk", flat=True)[:BATCH])
    _renew_under_locks(profile_ids)
    row.beat_at = timezone.now()
    if len(profile_ids) < BATCH:
        row.finished_at = row.beat_at
    if profile_ids:
        row.done_to = profile_ids[-1]
    row.save()
    return row


def _renew_under_locks(profile_ids: Sequence[int]) -> None:
    def find() -> dict[int, int]:
        return dict(Profile.scoped().filter(pk__in=profile_ids).values_list("pk", "contact_id"))

    hold(find, contacts_of=lambda found: found)
    renew_keys(profile_ids)
