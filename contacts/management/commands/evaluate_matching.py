"""``manage.py evaluate_matching --records R.csv --truth T.csv [--json]``: measure the deduplication on records whose truth is known."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from contacts.deduplication.evaluating import evaluate
from contacts.deduplication.parameters import Parameters


class Command(BaseCommand):
    help = (
        "Measure the deduplication. Columns of R: id, name or given_name and surname, email, phone, handle, channel, country,"
        " date_of_birth, street, city, postcode, region, national_id; any but id may be missing. Columns of T: id_a, id_b."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--records", type=Path, required=True)
        parser.add_argument("--truth", type=Path, required=True)
        parser.add_argument(
            "--sharers", type=Path, help="Who lives and works together (id, household, workplace): how many of them would be merged."
        )
        parser.add_argument("--region", default="CL", help="Country whose plan reads phones of records without a country.")
        parser.add_argument("--model", type=Path, help="Use this model instead of training one.")
        parser.add_argument("--save-model", type=Path, help="Where to write the model that was trained.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object and nothing else.")

    def handle(self, *args: Any, **options: Any) -> None:
        for name in ("records", "truth", "model", "sharers"):
            if options[name] and not options[name].is_file():
                raise CommandError(f"There is no file {options[name]}.")
        parameters = Parameters.from_json(json.loads(options["model"].read_text())) if options["model"] else None
        found = evaluate(
            records=options["records"],
            truth=options["truth"],
            region=options["region"],
            parameters=parameters,
            sharers=options["sharers"],
        )
        if options["save_model"]:
            options["save_model"].write_text(json.dumps(found.parameters.as_json()))
        if options["json"]:
            self.stdout.write(json.dumps(found.figures))
            return
        for name, value in found.figures.items():
            self.stdout.write(f"{name:16} {json.dumps(value) if isinstance(value, dict) else value}")
        self.stdout.write(f"{'steps':16} {json.dumps(found.seconds)}")
