"""Bring the mail of every mailbox of every account in, until told to stop."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from integrations.channels.email.watching import Watch, fetch_once


class Command(BaseCommand):
    help = "Read the mailboxes of all email channels: at once where the server pushes (IDLE), every minute elsewhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="Read every mailbox one time and end (for cron).")

    def handle(self, *, once: bool, **_options: Any) -> None:
        if once:
            self.stdout.write(f"{fetch_once()} new")
            return
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: stopping.set())
        Watch().run(stopping)
