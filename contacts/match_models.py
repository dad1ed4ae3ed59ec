"""The account's newest match model, ready to score: loaded once per process and version."""

import time
from functools import lru_cache

from accounts.scope import current_account_id
from contacts.deduplication.comparing import COMPARISONS
from contacts.deduplication.parameters import FEWEST_RECORDS, Parameters, fits, shipped
from contacts.deduplication.scoring import Scorer
from contacts.models import MatchModel, Profile

# A trained model holds some thousand frequencies, about two megabytes; so many are kept per process.
KEPT = 16
# How many profiles an account without a trained model has only sets its prior: counted so far, and so seldom (seconds).
COUNTED = 100_000
COUNT_EVERY = 600.0
_counted: dict[int, tuple[float, int]] = {}


def scorer_for(newest: tuple[int, int] | None) -> tuple[Scorer, int | None]:
    """The scorer of the account's newest model (id, version), and that model's id; by shipped values without one: ``None``.

    A model of an earlier release, whose comparisons were other ones, counts as none until the next search trains another.
    """
    if newest is not None:
        pk, version = newest
        trained = _trained(current_account_id(), version)
        if trained is not None:
            return trained, pk
    return _shipped(1 << max(_profiles(), FEWEST_RECORDS).bit_length()), None


def newest_scorer() -> tuple[Scorer, int | None]:
    """The same, after asking which model is the newest. One query."""
    return scorer_for(MatchModel.scoped().order_by("-version").values_list("pk", "version").first())


@lru_cache(maxsize=KEPT)
def _trained(account_id: int, version: int) -> Scorer | None:
    stored = MatchModel.scoped().get(version=version).parameters
    return Scorer(Parameters.from_json(stored)) if fits(stored) else None


@lru_cache(maxsize=KEPT)
def _shipped(records: int) -> Scorer:
    parameters = shipped(records=records)
    for comparison in COMPARISONS:
        for level in comparison.levels:
            # Nobody counted how common names are here: each weighs as an average one.
            if level.frequency and level.u is not None:
                parameters.rarest[level.frequency] = level.u
    return Scorer(parameters)


def _profiles() -> int:
    """How many profiles the account has, as far as they were counted in the last minutes."""
    account_id, now = current_account_id(), time.monotonic()
    at, count = _counted.get(account_id, (0.0, -1))
    if count < 0 or now - at > COUNT_EVERY:
        count = Profile.scoped().order_by().values("pk")[:COUNTED].count()
        if len(_counted) >= COUNTED:
            _counted.clear()
        _counted[account_id] = now, count
    return count
