"""The score of one pair in Python is Splink's score; its parts add up."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import duckdb
import pytest

from contacts.deduplication.blocking import block
from contacts.deduplication.columns import in_batches
from contacts.deduplication.comparing import COMPARISONS
from contacts.deduplication.deciding import decide
from contacts.deduplication.grouping import group
from contacts.deduplication.model import count_frequencies
from contacts.deduplication.parameters import Parameters, shipped
from contacts.deduplication.people import World
from contacts.deduplication.predicting import FLOOR, KEPT, Pair, read_back, score_pairs, scored_by_splink, scored_here
from contacts.deduplication.records import Record, read
from contacts.deduplication.scoring import Scorer
from contacts.deduplication.tables import load, open_engine, run

PEOPLE, PAIRS = 3_000, 30_000
# Letters that are not Latin, names of one letter, mottoes, and what a form lets through.
ODD = [
    {"name": "Анна Иванова", "phone": "+56987654321"},
    {"name": "Анна Иванов", "phone": "+56987654321", "email": "anna.ivanova84@uno.cl"},
    {"name": "A. B.", "email": "a@b.co", "handle": "anna84ivanova"},
    {"name": "Dios es amor ❤", "email": "anna.ivanova84@uno.cl", "date_of_birth": "1984-02-30"},
    {"name": "José", "email": "anna.ivanova84@dos.cl", "date_of_birth": "1984-03-02", "national_id": "12.345.678-5"},
    {"name": "José María", "date_of_birth": "1984-02-03", "national_id": "12.345.687-5", "street": "Av. Libertad 12", "city": "Arica"},
]  # fmt: skip


@dataclass(frozen=True)
class Compared:
    connection: duckdb.DuckDBPyConnection
    parameters: Parameters
    pairs: list[Pair]
    known: dict[int, Record]


@pytest.fixture(scope="module")
def compared() -> Iterator[Compared]:
    """Pairs of made-up people as Splink scores them: those that are compared in earnest, and many that agree on one surname only."""
    rows = [row for _person, row in World(count=PEOPLE, seed=5).records()] + ODD
    records = [read(row, number=number, contact=number, region="CL") for number, row in enumerate(rows, start=1)]
    connection = open_engine()
    count = load(connection, in_batches(records))
    parameters = shipped(records=count)
    count_frequencies(connection, parameters)
    in_earnest = block(connection)
    run(
        connection,
        "INSERT INTO pairs SELECT a.id, b.id, '0' FROM records a JOIN records b ON a.id < b.id"
        " AND (a.surname = b.surname OR a.given = b.given AND a.id % 3 = 0)"
        " WHERE NOT EXISTS (FROM pairs p WHERE p.join_key_l = a.id AND p.join_key_r = b.id)"
        " ORDER BY hash(a.id, b.id), a.id, b.id LIMIT $1",
        [PAIRS - in_earnest],
    )
    scored = scored_by_splink(connection, parameters, above=-1000)
    pairs = [Pair(*row) for row in run(connection, f"SELECT id_l, id_r, bits FROM {scored}")]
    known = read_back(connection, {one for pair in pairs for one in (pair.low, pair.high)})
    yield Compared(connection, parameters, pairs, known)
    connection.close()


def test_it_equals_splinks_for_every_pair(compared: Compared) -> None:
    scorer = Scorer(Parameters.from_json(compared.parameters.as_json()))
    assert len(compared.pairs) == PAIRS
    known = compared.known
    assert [pair for pair in compared.pairs if abs(scorer.weight(known[pair.low], known[pair.high]) - pair.weight) > 1e-6] == []
    # The odd ones were compared too, and every comparison had its say somewhere.
    assert any(pair.high > PEOPLE and pair.low > PEOPLE for pair in compared.pairs)
    heard = {piece.comparison for pair in compared.pairs for piece in scorer.explain(known[pair.low], known[pair.high])}
    assert heard == {comparison.name for comparison in COMPARISONS}


def test_few_pairs_are_scored_without_splink_and_alike(compared: Compared) -> None:
    here = scored_here(compared.connection, compared.parameters, above=-1000)
    by_pair = {(low, high): bits for low, high, bits in run(compared.connection, f"SELECT id_l, id_r, bits FROM {here}")}
    assert len(by_pair) == PAIRS
    assert max(abs(by_pair[pair.low, pair.high] - pair.weight) for pair in compared.pairs) < 1e-6


def test_weak_pairs_are_kept_only_within_what_may_be_a_group() -> None:
    rows = [row for _person, row in World(count=PEOPLE, seed=5).records()]
    connection = open_engine()
    count = load(connection, in_batches(read(row, number=number, contact=number, region="CL") for number, row in enumerate(rows, start=1)))
    parameters = shipped(records=count)
    count_frequencies(connection, parameters)
    scored = score_pairs(connection, parameters)
    connection.close()
    strong = {one for pair in scored.pairs if pair.weight >= KEPT for one in (pair.low, pair.high)}
    weak = [pair for pair in scored.pairs if pair.weight < KEPT]
    assert weak
    assert all(pair.weight >= FLOOR and {pair.low, pair.high} <= strong for pair in weak)
    assert len(scored.pairs) < scored.compared


def test_the_parts_add_up_to_the_weight(compared: Compared) -> None:
    scorer = Scorer(compared.parameters)
    for pair in compared.pairs[:50]:
        pieces = scorer.explain(compared.known[pair.low], compared.known[pair.high])
        assert sum(piece.bits for piece in pieces) + scorer.prior == pytest.approx(pair.weight)
        assert all(abs(one.bits) >= abs(other.bits) for one, other in pairwise(pieces))


def test_no_pair_is_both_merged_and_asked(compared: Compared) -> None:
    outcome = decide(compared.pairs, compared.known)
    assert outcome.automatic
    assert outcome.queue
    assert not outcome.queue.keys() & outcome.automatic.keys()


def test_a_chain_does_not_make_one_person_of_two() -> None:
    """A and B agree, B and C agree, A and C contradict: the stronger tie stays, the weaker is cut."""
    chain = [Pair(1, 2, 9.0), Pair(2, 3, 8.0)]
    assert group(chain, at_least=0, may_join=lambda a, b: (a, b) not in {(1, 3), (3, 1)}) == [[1, 2]]
    # Without a word against it, what was not compared still weighs: a long chain of doubtful ties is no person.
    assert group(chain, at_least=0, may_join=lambda a, b: True) == [[1, 2, 3]]
    weak = [Pair(number, number + 1, 1.0) for number in range(1, 30)]
    assert max(len(members) for members in group(weak, at_least=0, may_join=lambda a, b: True)) <= 2


def test_a_group_has_a_limit() -> None:
    everybody = [Pair(low, high, 20.0) for low in range(1, 20) for high in range(low + 1, 20)]
    assert max(len(members) for members in group(everybody, at_least=0, may_join=lambda a, b: True, most=5)) == 5


def test_agreement_on_a_rare_name_weighs_more() -> None:
    parameters = shipped(records=10_000)
    parameters.frequencies["surname"] = {"gonzalez": 0.03}
    parameters.rarest["surname"] = 0.0001
    scorer = Scorer(parameters)
    common = [Record(id=number, contact=number, surname="gonzalez") for number in (1, 2)]
    rare = [Record(id=number, contact=number, surname="echeverri") for number in (3, 4)]
    assert scorer.weight(*rare) - scorer.weight(*common) == pytest.approx(8.23, abs=0.01)
