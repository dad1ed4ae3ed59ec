"""The match model's training by Splink, where there is enough to learn from; its shipped values are in ``parameters``."""

import logging
from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

from contacts.deduplication.comparing import COMPARISONS, FREQUENCIES, Comparison
from contacts.deduplication.parameters import FEWEST_RECORDS, SHIPPED_PAIRS_PER_RECORD, Parameters, shipped
from contacts.deduplication.tables import run

# Term frequencies that are kept; a value beyond them is as rare as the rarest kept.
MOST_VALUES = 4000
# Values seen fewer times than this say nothing about how common they are.
SEEN = 5
# Blocks for training must hold this many pairs; training on fewer would follow chance.
ENOUGH_PAIRS = 2000
ENOUGH_RECORDS = 2000
TRAIN_ON = ("phone", "email", "national_id")
SAMPLE, SAMPLE_PER_RECORD = 1_200_000, 50


def count_frequencies(connection: duckdb.DuckDBPyConnection, parameters: Parameters) -> None:
    """How common each given name, surname and city is among the records."""
    for column in FREQUENCIES:
        [(total,)] = run(connection, f"SELECT count({column}) FROM records")
        if not total:
            parameters.frequencies[column], parameters.rarest[column] = {}, 1.0
            continue
        rows = run(
            connection,
            f"SELECT {column}, count(*) FROM records WHERE {column} IS NOT NULL GROUP BY 1 HAVING count(*) >= {SEEN}"
            f" ORDER BY 2 DESC, 1 LIMIT {MOST_VALUES}",
        )
        # A name seen once among few is not as rare as that: nobody's name has a share below one in fifty thousand.
        parameters.rarest[column] = max(SEEN / max(total, FEWEST_RECORDS), 0.00002)
        parameters.frequencies[column] = {value: max(times / total, parameters.rarest[column]) for value, times in rows}


def linker_for(connection: duckdb.DuckDBPyConnection, parameters: Parameters) -> Linker:
    """Splink's linker over the table ``records`` with these parameters."""
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="id",
        blocking_rules_to_generate_predictions=[block_on("phone")],
        comparisons=[_for_splink(comparison, parameters) for comparison in COMPARISONS],
        probability_two_random_records_match=parameters.prior,
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=False,
    )
    api = DuckDBAPI(connection=connection)
    linker = Linker(api.register("records"), settings)
    # It switches its own messages on each time; they are about charts and untrained levels.
    for name in ("splink", "sqlglot"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for column in FREQUENCIES:
        kept = pa.table(
            {"value": list(parameters.frequencies[column]), "f": list(parameters.frequencies[column].values())},
            schema=pa.schema([("value", pa.string()), ("f", pa.float64())]),
        )
        connection.register("kept", kept)
        run(
            connection,
            f"CREATE OR REPLACE TABLE tf_{column} AS"
            f" SELECT r.{column}, coalesce(any_value(kept.f), {parameters.rarest[column]})::double AS tf_{column}"
            f" FROM records r LEFT JOIN kept ON kept.value = r.{column} WHERE r.{column} IS NOT NULL GROUP BY r.{column}",
        )
        connection.unregister("kept")
        linker.table_management.register_term_frequency_lookup(api.register(f"tf_{column}"), column)
    return linker


def _for_splink(comparison: Comparison, parameters: Parameters) -> dict[str, Any]:
    levels: list[dict[str, Any]] = [{"sql_condition": comparison.nothing_sql, "label_for_charts": "nothing", "is_null_level": True}]
    for level in comparison.levels:
        m, u = parameters.chances[comparison.name][level.name]
        levels.append(
            {
                "sql_condition": level.sql,
                "label_for_charts": level.name,
                "m_probability": m,
                "u_probability": u,
                "fix_m_probability": level.fixed,
                "fix_u_probability": level.fixed,
                **({"tf_adjustment_column": level.frequency, "tf_adjustment_weight": 1.0} if level.frequency else {}),
            }
        )
    return {"output_column_name": comparison.name, "comparison_levels": levels}


def train(connection: duckdb.DuckDBPyConnection, *, records: int) -> Parameters:
    """Parameters for the table ``records``: shipped, with what the account's own data teaches."""
    parameters = shipped(records=records, pairs_per_record=_pairs_per_record(connection, records))
    count_frequencies(connection, parameters)
    if records < ENOUGH_RECORDS:
        return parameters
    linker = linker_for(connection, parameters)
    sample = min(SAMPLE, SAMPLE_PER_RECORD * records)
    linker.training.estimate_u_using_random_sampling(max_pairs=sample, seed=1)
    for column in TRAIN_ON:
        if _pairs_on(connection, column) >= ENOUGH_PAIRS:
            linker.training.estimate_parameters_using_expectation_maximisation(
                block_on(column),
                estimate_without_term_frequencies=True,
                max_pairs=sample,
            )
    _learn(parameters, linker.misc.save_model_to_json())
    parameters.trained = True
    return parameters


def _pairs_on(connection: duckdb.DuckDBPyConnection, column: str) -> int:
    [(pairs,)] = run(
        connection,
        f"SELECT coalesce(sum(n * (n - 1) / 2), 0) FROM (SELECT count(*) AS n FROM records WHERE {column} IS NOT NULL GROUP BY {column})",
    )
    return int(pairs)


def _pairs_per_record(connection: duckdb.DuckDBPyConnection, records: int) -> float:
    """Pairs of one person per record, from those that share a value which nobody else uses; the shipped guess weighs as 500 records."""
    [(sharing,)] = run(
        connection,
        "SELECT count(*) FROM (SELECT DISTINCT a.id, b.id FROM records a JOIN records b ON a.id < b.id AND"
        " a.phone = b.phone AND a.phone_people = 1 AND a.given IS NOT NULL AND b.given IS NOT NULL"
        " UNION SELECT DISTINCT a.id, b.id FROM records a JOIN records b ON a.id < b.id AND a.email = b.email AND a.email_people = 1"
        " UNION SELECT DISTINCT a.id, b.id FROM records a JOIN records b ON a.id < b.id AND a.national_id = b.national_id)",
    )
    return (sharing / 0.75 + SHIPPED_PAIRS_PER_RECORD * FEWEST_RECORDS) / (records + FEWEST_RECORDS)


def _learn(parameters: Parameters, trained: Mapping[str, Any]) -> None:
    """Take over what was trained; a level that nobody was seen on keeps the shipped chance."""
    for comparison, learnt in zip(COMPARISONS, trained["comparisons"], strict=True):
        levels = [level for level in learnt["comparison_levels"] if not level.get("is_null_level")]
        for level, found in zip(comparison.levels, levels, strict=True):
            if level.fixed:
                continue
            chances = parameters.chances[comparison.name][level.name]
            for place, name in enumerate(("m_probability", "u_probability")):
                value = found.get(name)
                if isinstance(value, float) and value > 1e-7:
                    chances[place] = value
