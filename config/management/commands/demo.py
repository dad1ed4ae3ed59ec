"""Fill an empty installation with the demo."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.celery import app
from config.demo.making import follow_simulator, is_empty, is_finished, make_demo, tell_history


class Command(BaseCommand):
    help = "Make two demo accounts with three months of history, and point their channels at the simulator."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="do nothing but follow the simulator's port where there are accounts")
        parser.add_argument("--scale", type=float, default=1.0, help="share of the history that is made (1 is all of it)")

        parser.add_argument("--history", help=argparse.SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["history"]:
            # Nothing is left for workers to do: thousands of their tasks would only keep the first visitor waiting.
            app.conf.broker_write_url = "memory://"
            tell_history(slug=options["history"], scale=options["scale"], tell=self.stdout.write)
        elif is_empty():
            make_demo(tell=self.stdout.write, scale=options["scale"])
        elif not options["if_empty"]:
            raise CommandError("There are accounts already: the demo is made only in an empty installation.")
        elif is_finished():
            follow_simulator()
        else:
            self.stderr.write(
                "There are accounts, but no finished demo, so the simulator cannot start. If the demo was interrupted and holds"
                " nothing of yours: manage.py flush empties the database, and the next start makes the demo anew."
            )
