"""``manage.py make_people --count 100000 --seed 7 --records R.csv --truth T.csv``: made-up people for ``evaluate_matching``."""

import csv
from itertools import combinations
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from contacts.deduplication.people import COLUMNS, World


class Command(BaseCommand):
    help = "Write made-up Latin American people, one record in twelve and a half a duplicate, and which records are one person."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--count", type=int, required=True, help="Records.")
        parser.add_argument("--seed", type=int, required=True, help="The same seed gives the same people.")
        parser.add_argument("--records", type=Path, required=True)
        parser.add_argument("--truth", type=Path, required=True)
        parser.add_argument("--sharers", type=Path, help="Also who shares what: id, person, household, workplace.")

    def handle(self, *args: Any, **options: Any) -> None:
        sharers = []
        records_of: dict[int, list[str]] = {}
        with options["records"].open("w", newline="", encoding="utf-8") as file:
            rows = csv.DictWriter(file, COLUMNS, restval="")
            rows.writeheader()
            for person, row in World(count=options["count"], seed=options["seed"]).records():
                rows.writerow(row)
                records_of.setdefault(person.number, []).append(row["id"])
                sharers.append((row["id"], person.number, person.household, person.workplace))
        _write(options["truth"], ("id_a", "id_b"), (pair for ids in records_of.values() for pair in combinations(ids, 2)))
        if options["sharers"]:
            _write(options["sharers"], ("id", "person", "household", "workplace"), sharers)
        self.stdout.write(f"{len(sharers)} records of {len(records_of)} people")


def _write(path: Path, header: tuple[str, ...], rows: Any) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
