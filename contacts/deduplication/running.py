"""One search for duplicates: read, train, compare, group; then merge what is beyond doubt (where the account allows) and ask the rest.

A run is a row, so that it can be watched, cancelled and asked for again after a worker died. Doing the work twice does no harm:
a suggestion is one per pair of contacts, and a merge of one contact is none.
"""

import time
from collections.abc import Iterable
from typing import TypeGuard

import duckdb
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts.actors import Actor
from accounts.background_runs import Cancelled
from accounts.models import Account, Membership
from accounts.queueing import enqueue
from accounts.scope import current_account_id
from contacts.block_keys import VERSION
from contacts.deduplication.blocking import CAP
from contacts.deduplication.columns import in_batches
from contacts.deduplication.deciding import Outcome, decide, groups_of
from contacts.deduplication.model import train
from contacts.deduplication.parameters import Parameters, fits
from contacts.deduplication.policy import judge
from contacts.deduplication.predicting import read_back, read_contacts, score_pairs
from contacts.deduplication.reading import around, changed_since, read_profiles
from contacts.deduplication.records import Record
from contacts.deduplication.scoring import Scorer, probability
from contacts.deduplication.tables import keep_ids, load, open_engine
from contacts.locks import StillMoving
from contacts.merging import Refused, merge
from contacts.models import BlockKeyBuild, Contact, DeduplicationRun, MatchModel, MergeSuggestion, Profile
from contacts.suggesting_many import Question, suggest_many

Kind = DeduplicationRun.Kind
State = DeduplicationRun.State
DEDUPLICATION = Actor(kind="rule", name="deduplication")
# The model is trained anew when the account grew by a quarter.
GROWN = 1.25
# Progress in percent, and what each step brings it to.
READ, TRAINED, COMPARED, DECIDED, ALL = 30, 50, 65, 70, 100
# Suggestions that are written together.
TOGETHER = 500


def ask(*, kind: str, by: Membership | None = None) -> DeduplicationRun:
    """Ask a worker for a search; the one that is waiting or running already, where there is one."""
    from contacts.tasks import search_for_duplicates

    try:
        with transaction.atomic():
            run = DeduplicationRun.objects.create(kind=kind, asked_by=by, total=ALL)
    except IntegrityError:
        return DeduplicationRun.unfinished().get()
    enqueue(search_for_duplicates, account_id=current_account_id(), run_id=run.pk)
    return run


def work(*, run_id: int) -> DeduplicationRun:
    """Do the run, unless somebody does it already; returns the row as it ended."""
    run = DeduplicationRun.take(run_id)
    if run is None:
        return DeduplicationRun.scoped().get(pk=run_id)
    run.total = ALL
    try:
        _search(run)
    except Cancelled:
        run.refresh_from_db()
        return run
    except Exception as error:
        run.end(State.FAILED, f"{type(error).__name__}: {error}")
        raise
    run.done = ALL
    run.end(State.DONE)
    return run


def _search(run: DeduplicationRun) -> None:
    account = Account.objects.get(pk=current_account_id())
    clock = _Clock(run)
    last = DeduplicationRun.scoped().filter(state=State.DONE, read_at__isnull=False).order_by("-read_at").first()
    run.read_at = timezone.now()
    connection = open_engine()
    try:
        count = run.figures["profiles"] = Profile.scoped().filter(corrects=None).count()
        changed = run.kind == Kind.CHANGED and last is not None
        among = None
        if changed and last is not None:
            ids = changed_since(last.read_at)
            run.figures["changed"] = keep_ids(connection, ids)
            # One more than a block may hold shows that it holds too many.
            among = around(ids, most=CAP + 1) if _may_read_some(count) else None
        run.figures["read"] = load(connection, in_batches(read_profiles(account, among=among)))
        clock.lap("read", READ)
        run.model = model_for(connection, records=count)
        parameters = Parameters.from_json(run.model.parameters)
        clock.lap("train", TRAINED)
        scored = score_pairs(connection, parameters, changed=changed)
        run.figures["compared"] = scored.compared
        clock.lap("compare", COMPARED)
        known = read_back(connection, {one for pair in scored.pairs for one in (pair.low, pair.high)})
        outcome = decide(scored.pairs, known)
        number_of = {one: members[0] for members in groups_of(scored.pairs, known) if len(members) > 2 for one in members}
        clock.lap("decide", DECIDED)
        scorer = Scorer(parameters)
        run.figures["merged"] = _merge_all(connection, outcome, scorer, run) if account.deduplication_merges else 0
        run.figures["suggested"] = _suggest_all(outcome, known, scorer, number_of, run)
        run.figures["obsolete"] = forget_settled()
        clock.lap("suggest", ALL)
    finally:
        connection.close()


def _may_read_some(records: int) -> bool:
    """Whether those who changed and those like them are enough: there is a model to compare them by, and all have block keys."""
    newest = MatchModel.scoped().order_by("-version").first()
    return _serves(newest, records) and BlockKeyBuild.scoped().filter(version=VERSION, finished_at__isnull=False).exists()


def _serves(model: MatchModel | None, records: int) -> TypeGuard[MatchModel]:
    return model is not None and records <= max(model.trained_on, 1) * GROWN and fits(model.parameters)


def model_for(connection: duckdb.DuckDBPyConnection, *, records: int) -> MatchModel:
    """The account's newest model, or a new version where it has none, has grown, or the comparisons are other ones now."""
    newest = MatchModel.scoped().order_by("-version").first()
    if _serves(newest, records):
        return newest
    started = time.perf_counter()
    parameters = train(connection, records=records)
    return MatchModel.objects.create(
        version=newest.version + 1 if newest else 1,
        parameters=parameters.as_json(),
        trained_on=records,
        figures={"seconds": round(time.perf_counter() - started, 2), "trained": parameters.trained},
    )


def _merge_all(connection: duckdb.DuckDBPyConnection, outcome: Outcome, scorer: Scorer, run: DeduplicationRun) -> int:
    """Merge what is beyond doubt. Every profile of both contacts is looked at, not only the pair that was found."""
    merged = 0
    for low, high in sorted(outcome.automatic):
        contact_of = dict(Profile.scoped().filter(pk__in=(low, high)).values_list("pk", "contact_id"))
        if len(set(contact_of.values())) < 2:
            continue
        profiles = list(Profile.scoped().filter(contact__in=contact_of.values(), corrects=None).values_list("pk", "contact_id"))
        known = read_contacts(connection, [pk for pk, _contact in profiles])
        sides = [[known[pk] for pk, contact in profiles if contact == side and pk in known] for side in contact_of.values()]
        if len(known) < len(profiles) or any(judge(a, b).conflicts for a in sides[0] for b in sides[1]):
            continue
        pieces = scorer.explain(known[low], known[high])
        evidence = {
            "profiles": [low, high],
            "probability": probability(scorer.weight(known[low], known[high])),
            "model": run.model.version if run.model else None,
            "run": run.pk,
            "pieces": [piece.as_json() for piece in pieces],
        }
        contacts = list(Contact.scoped().filter(pk__in=contact_of.values()))
        try:
            merge(contacts=contacts, by=DEDUPLICATION, cause="deduplication", evidence=evidence)
        except (Refused, StillMoving):
            continue
        merged += 1
    return merged


def _suggest_all(outcome: Outcome, known: dict[int, Record], scorer: Scorer, number_of: dict[int, int], run: DeduplicationRun) -> int:
    """Ask about the best pair of profiles of each pair of contacts."""
    weights = outcome.automatic | outcome.queue
    contact_of = _contacts(one for pair in weights for one in pair)
    best: dict[tuple[int, int], tuple[int, int]] = {}
    for (low, high), weight in weights.items():
        if low not in contact_of or high not in contact_of or contact_of[low] == contact_of[high]:
            continue
        sides = min(contact_of[low], contact_of[high]), max(contact_of[low], contact_of[high])
        if sides not in best or weight > weights[best[sides]]:
            best[sides] = low, high
    suggested, asked = 0, list(best.values())
    for start in range(0, len(asked), TOGETHER):
        _beat(run, DECIDED + (ALL - DECIDED) * start // len(asked))
        some = [_question(known[low], known[high], scorer, number_of) for low, high in asked[start : start + TOGETHER]]
        suggested += suggest_many(some, origin="dedup", model=run.model)
    return suggested


def _question(a: Record, b: Record, scorer: Scorer, number_of: dict[int, int]) -> Question:
    weight = scorer.weight(a, b)
    group = number_of.get(a.id)
    return Question(
        low=a.id,
        high=b.id,
        probability=probability(weight),
        weight=weight,
        evidence=[piece.as_json() for piece in scorer.explain(a, b)],
        conflicts=[conflict.value for conflict in judge(a, b).conflicts],
        group=group if group == number_of.get(b.id) else None,
    )


def _contacts(profile_ids: Iterable[int]) -> dict[int, int]:
    return dict(Profile.scoped().filter(pk__in=set(profile_ids)).values_list("pk", "contact_id"))


def forget_settled() -> int:
    """Suggestions whose two sides sit in one contact by now have nothing to ask. Returns how many there were."""
    undecided = MergeSuggestion.scoped().filter(state__in=(MergeSuggestion.State.OPEN, MergeSuggestion.State.DEFERRED))
    return undecided.filter(low__contact=F("high__contact")).update(state=MergeSuggestion.State.OBSOLETE, updated_at=timezone.now())


def _beat(run: DeduplicationRun, done: int) -> None:
    """Give a sign of life and show how far it is. Raises ``Cancelled``."""
    run.done = done
    run.beat("read_at", "model")


class _Clock:
    """Writes the seconds of each step into the run's figures."""

    def __init__(self, run: DeduplicationRun) -> None:
        self.run = run
        self.last = time.perf_counter()

    def lap(self, step: str, done: int) -> None:
        now = time.perf_counter()
        self.run.figures.setdefault("seconds", {})[step] = round(now - self.last, 2)
        self.last = now
        _beat(self.run, done)
