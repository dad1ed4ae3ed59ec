"""What `make run` shows: a line for each step, and at the end a box with everything one needs."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from rich.box import ASCII, ROUNDED
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from config.demo.logins import LOGINS, PASSWORD

DETAIL_EVERY = 10.0  # seconds


class Display:
    """Steps with a spinner on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(file=sys.stdout, highlight=False)
        self.last_detail = time.monotonic()

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        """Show that a step is under way, and how long it took; yields a function for details."""
        begun = time.monotonic()
        if self.console.is_terminal:
            room = max(10, self.console.width - len(title) - 6)
            with self.console.status(f"{escape(title)} …") as status:
                yield lambda text: status.update(f"{escape(title)} … [dim]{escape(text[:room])}[/dim]")
            mark = "[green]✓[/green] "
        else:
            self._print(f"{title} ...")
            yield self._now_and_then
            mark = "  "
        self._print(f"{mark}{escape(title)} [dim]{time.monotonic() - begun:.1f} s[/dim]")

    def _now_and_then(self, text: str) -> None:
        """Show a detail where no spinner can, but not every one of them."""
        if time.monotonic() - self.last_detail >= DETAIL_EVERY:
            self.last_detail = time.monotonic()
            self._print(f"    {escape(text)}")

    def line(self, name: str, text: str) -> None:
        """Show one line that a process has written."""
        self._print(f"[dim]{name:<9}[/dim] {escape(text)}")

    def problem(self, text: str) -> None:
        """Say why Hilo does not run."""
        self.console.print(text, style="red", markup=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Say something short."""
        self._print(escape(text))

    def box(self, *, address: str, simulator: str, logs: str) -> None:
        """Show where Hilo is; with the demo, which has a simulator, also who can log in."""
        table = Table.grid(padding=(0, 2))
        table.add_row("Hilo", f"[bold]{address}[/bold]")
        if simulator:
            table.add_row("Channel simulator", f"[bold]{simulator}[/bold]")
            table.add_row("", "")
            for login in LOGINS:
                table.add_row(login.role.capitalize(), login.email)
            table.add_row("Password", PASSWORD)
        table.add_row("", "")
        table.add_row("Logs", escape(logs))
        table.add_row("Stop", "Ctrl-C")
        shape = ROUNDED if self.console.encoding.lower().startswith("utf") else ASCII
        panel = Panel.fit(table, title="Hilo is running", box=shape, padding=(1, 2), border_style="green")
        # An address broken over two lines cannot be clicked, however narrow the terminal.
        wide = Console(file=self.console.file, highlight=False, width=max(self.console.width, 100))
        wide.print(panel)

    def _print(self, text: str) -> None:
        self.console.print(text, soft_wrap=True)
