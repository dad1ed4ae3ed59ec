"""Run the lines of the Procfile together: one ends, all end; the runner ends, all end.

A small manager of our own, because the common ones leave their children behind when they are
killed, and wait for ever for a child that does not heed SIGTERM.
"""

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.embedded.keeper import follow_parent

LINE = re.compile(r"^([a-z][a-z0-9_-]*):\s*(.+)$")
STOP_WITHIN = 8.0  # seconds between SIGTERM and SIGKILL
LOOK_EVERY = 0.2  # seconds
KEPT_LINES = 20


def read_procfile(text: str) -> dict[str, str]:
    """Return the command of each process by its name. Raises `ValueError` for a line that is none."""
    commands = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if not (match := LINE.match(line)):
            raise ValueError(f"not a line of a Procfile: {line}")
        commands[match[1]] = match[2]
    return commands


@dataclass
class Running:
    """One process of the Procfile, with its last lines and the file that gets all of them."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    reader: threading.Thread | None = None


class Processes:
    """The processes of one Procfile, each in a session of its own."""

    def __init__(self, *, logs: Path, on_line: Callable[[str, str], None]) -> None:
        self.logs = logs
        self.on_line = on_line
        self.running: list[Running] = []

    def start(self, commands: Mapping[str, str], *, environment: Mapping[str, str], folder: Path) -> None:
        """Start all of them. The kernel sends SIGTERM to each should this process be killed."""
        self.logs.mkdir(parents=True, exist_ok=True)
        for name, command in commands.items():
            popen = subprocess.Popen(
                ["/bin/sh", "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=dict(environment),
                start_new_session=True,
                preexec_fn=follow_parent(signal.SIGTERM),
            )
            process = Running(name, popen, self.logs / f"{name}.log")
            process.reader = threading.Thread(target=self._read, args=(process,), daemon=True)
            process.reader.start()
            self.running.append(process)

    def _read(self, process: Running) -> None:
        output = process.popen.stdout
        assert output is not None
        with output, process.log.open("wb") as log:
            for line in output:
                log.write(line)
                log.flush()
                text = line.decode(errors="replace").rstrip()
                process.last_lines.append(text)
                self.on_line(process.name, text)

    def ended(self) -> Running | None:
        """Return a process that has ended, if any has."""
        return next((process for process in self.running if process.popen.poll() is not None), None)

    def stop(self) -> None:
        """End every process and whatever it started, by force after a while."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN
        while time.monotonic() < deadline and any(process.popen.poll() is None for process in self.running):
            time.sleep(LOOK_EVERY / 4)
        # Children of a process that ended already may live on in its group.
        self._signal(signal.SIGKILL)
        for process in self.running:
            process.popen.wait()
            if process.reader:
                process.reader.join(timeout=1)

    def _signal(self, number: signal.Signals) -> None:
        for process in self.running:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.popen.pid, number)
