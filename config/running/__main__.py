"""`make run`: prepare everything, start every process, and say where Hilo is."""

import http.client
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import environ

from config.embedded import EngineError, places
from config.embedded.keeper import death_signal
from config.running import preparing
from config.running.display import Display
from config.running.preparing import CHECKOUT, CannotRun
from config.running.processes import LOOK_EVERY, Processes, read_procfile

ANSWER_WITHIN = 90.0  # seconds
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked for the end."""


def main() -> int:
    """Run until told to stop or until a process ends; return the exit code."""
    for number in ENDS:
        signal.signal(number, _stop)
    if "MAKELEVEL" in os.environ:
        # make is the parent and the only one who knows this process.
        death_signal()(signal.SIGTERM)
    display = Display()
    processes = Processes(logs=places.var_folder() / "logs", on_line=_line_printer(display))
    try:
        _set_environment()
        _prepare(display)
        _start(processes, display)
        return _watch(processes, display)
    except (CannotRun, EngineError) as error:
        display.problem(str(error))
        return 1
    except Stopped:
        display.say("Stopping ...")
        return 0
    finally:
        _heed_no_more()
        processes.stop()


def _stop(_number: int, _frame: FrameType | None) -> None:
    # The same wish often comes twice: from the terminal and from make.
    _heed_no_more()
    raise Stopped


def _heed_no_more() -> None:
    for number in ENDS:
        signal.signal(number, signal.SIG_IGN)


def _set_environment() -> None:
    """Complete this process's environment, which every other process inherits."""
    if (CHECKOUT / ".env").is_file():
        environ.Env.read_env(str(CHECKOUT / ".env"))
    os.environ.setdefault("PORT", "8000")
    if not os.environ["PORT"].isdecimal():
        raise CannotRun(f"PORT is {os.environ['PORT']!r}; it must be a number, as in: make run PORT=8010")
    os.environ.setdefault("HILO_SIMULATOR_PORT", str(int(os.environ["PORT"]) + 1))
    # The demo's providers are on this machine.
    os.environ.setdefault("HILO_OUTGOING_HTTP_ALLOW", "127.0.0.1,localhost")
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    os.environ["PYTHONUNBUFFERED"] = "1"


def _prepare(display: Display) -> None:
    preparing.check_port(int(os.environ["PORT"]), what="Hilo", variable="PORT")
    for offset, what in enumerate(("The channel simulator", "The simulator's IMAP server", "The simulator's SMTP server")):
        preparing.check_port(int(os.environ["HILO_SIMULATOR_PORT"]) + offset, what=what, variable="PORT")
    with display.step("Starting PostgreSQL and Valkey"):
        preparing.start_engines()
    if preparing.is_prepared():
        return
    with preparing.filling():
        with display.step("Preparing the database") as tell:
            preparing.migrate(tell)
        if os.environ.get("HILO_DEMO", "yes") != "no":
            with display.step("Looking after the demo, whose history takes a while the first time") as tell:
                preparing.make_demo(tell)
    preparing.remember()


def _start(processes: Processes, display: Display) -> None:
    commands = read_procfile((CHECKOUT / "Procfile").read_text())
    # It plays the providers of the demo's channels, which the demo writes down for it.
    has_demo = (places.var_folder() / "simulator.json").exists()
    if not has_demo:
        del commands["simulator"]
    addresses = {"web": ("PORT", "/healthz"), "simulator": ("HILO_SIMULATOR_PORT", "/")}
    waiting = {name: addresses[name] for name in addresses if name in commands}
    with display.step(f"Starting {', '.join(commands)}"):
        processes.start(commands, environment=os.environ, folder=CHECKOUT)
        deadline = time.monotonic() + ANSWER_WITHIN
        while waiting:
            _raise_if_ended(processes)
            waiting = {name: door for name, door in waiting.items() if not _answers(int(os.environ[door[0]]), door[1])}
            if waiting and time.monotonic() > deadline:
                raise CannotRun(f"No answer from {', '.join(waiting)} within {ANSWER_WITHIN:.0f} seconds; see {processes.logs}.")
            time.sleep(LOOK_EVERY)
    display.box(
        address=f"http://127.0.0.1:{os.environ['PORT']}/",
        simulator=f"http://127.0.0.1:{os.environ['HILO_SIMULATOR_PORT']}/" if has_demo else "",
        logs=str(processes.logs),
    )


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < http.client.BAD_REQUEST
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _watch(processes: Processes, display: Display) -> int:
    """Wait for the end of any process, which is the end of all."""
    while True:
        _raise_if_ended(processes)
        time.sleep(LOOK_EVERY)


def _raise_if_ended(processes: Processes) -> None:
    if process := processes.ended():
        if process.reader:
            process.reader.join(timeout=1)
        lines = [f"{process.name} ended with code {process.popen.returncode}. Its last lines:"]
        raise CannotRun("\n".join([*lines, *(f"    {line}" for line in process.last_lines), f"All of them: {process.log}"]))


def _line_printer(display: Display) -> Callable[[str, str], None]:
    """Show what the processes write only to who asks for it; the box shall stay in sight."""
    if os.environ.get("LOGS"):
        return display.line
    return lambda _name, _text: None


if __name__ == "__main__":
    raise SystemExit(main())
