"""What `make run` does: prepare, start, watch, end."""

import http.client
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.running import environment, preparing
from config.running.display import Display
from config.running.processes import Processes, read_procfile
from tests.config.embedded_users import CHECKOUT, Ground, make_ground

# Starts a process that ignores SIGTERM and one that heeds it, then waits to be killed.
RUNNER = """
import os, sys
from pathlib import Path
from config.running.processes import Processes
processes = Processes(logs=Path(sys.argv[1]), on_line=lambda name, text: None)
processes.start({"one": "exec sleep 600"}, environment=os.environ, folder=Path("/"))
print(processes.running[0].popen.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    lines: list[tuple[str, str]] = []
    made = Processes(logs=tmp_path / "logs", on_line=lambda name, text: lines.append((name, text)))
    yield made
    made.stop()


def start(processes: Processes, **commands: str) -> None:
    processes.start(commands, environment=os.environ, folder=Path("/"))


def wait_for_line(process: subprocess.Popen[str], text: str) -> list[str]:
    """Read on until a line holds the text; return all lines read."""
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return lines
    raise AssertionError("".join(lines))


def wait_for_end(pid: int) -> None:
    """Wait until a process that need not be a child is gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([descriptor], [], [], 20)
        assert ready, f"process {pid} lives on"
    finally:
        os.close(descriptor)


def test_procfile_of_the_project_names_what_hilo_needs() -> None:
    commands = read_procfile((CHECKOUT / "Procfile").read_text())

    assert {"web", "worker", "beat"} <= set(commands)


def test_line_that_is_none_of_a_procfile_is_refused() -> None:
    with pytest.raises(ValueError, match="not a line of a Procfile: what"):
        read_procfile("web: run\n\n# a comment\nwhat\n")


def test_lines_are_kept_and_written_to_a_file(processes: Processes) -> None:
    start(processes, speaker="echo one; echo two >&2")

    process = processes.running[0]
    process.popen.wait()
    assert process.reader
    process.reader.join()

    assert list(process.last_lines) == ["one", "two"]
    assert process.log.read_text() == "one\ntwo\n"
    assert processes.ended() is process


def test_end_of_one_process_is_noticed_while_others_live(processes: Processes) -> None:
    start(processes, steady="exec sleep 600", short="exit 3")

    processes.running[1].popen.wait()

    ended = processes.ended()
    assert ended
    assert (ended.name, ended.popen.returncode) == ("short", 3)


def test_stop_ends_the_stubborn_and_their_children(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.running.processes.STOP_WITHIN", 0.5)
    start(processes, stubborn="trap '' TERM; sleep 600 & echo $!; wait; sleep 600")
    process = processes.running[0]
    assert process.popen.stdout
    while not process.last_lines:
        os.sched_yield()
    child = int(process.last_lines[0])

    processes.stop()

    assert process.popen.returncode == -signal.SIGKILL
    wait_for_end(child)


def test_processes_do_not_outlive_a_killed_runner(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
    ) as runner:
        assert runner.stdout
        child = int(runner.stdout.readline())

        runner.kill()

    wait_for_end(child)


def test_taken_port_is_told_with_a_way_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(preparing.CannotRun, match=f"port {port} .*\n.*\n *make run PORT={port + 10}"):
            preparing.check_port(port, what="Hilo", variable="PORT")


def test_box_shows_addresses_in_one_piece_and_every_login(capsys: pytest.CaptureFixture[str]) -> None:
    Display().box(address="http://127.0.0.1:8000/", simulator="http://127.0.0.1:8001/", logs="/" + "long/" * 15)

    shown = capsys.readouterr().out
    for text in (
        "http://127.0.0.1:8000/",
        "http://127.0.0.1:8001/",
        "agente@andes.example",
        "supervisora@andes.example",
        "admin@andes.example",
    ):
        assert text in shown
    assert "hilo-demo-2026" in shown


def test_box_without_demo_shows_no_logins(capsys: pytest.CaptureFixture[str]) -> None:
    Display().box(address="http://127.0.0.1:8000/", simulator="", logs="logs")

    shown = capsys.readouterr().out
    assert "http://127.0.0.1:8000/" in shown
    assert "andes.example" not in shown


def test_python_without_venv_is_told_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub = tmp_path / "python"
    stub.write_text("#!/bin/sh\necho ensurepip is not available\nexit 1\n")
    stub.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(stub))
    monkeypatch.setattr(environment, "VENV", tmp_path / "venv")

    with pytest.raises(environment.SetupError, match=r"ensurepip is not available(.|\n)*apt-get install python3"):
        environment._make_venv()

    assert not (tmp_path / "venv").exists()


@pytest.fixture
def ground() -> Iterator[Ground]:
    with make_ground("var") as made:
        yield made


def free_port() -> int:
    """Return a port that is free together with its neighbour."""
    for port in range(21000 + os.getpid() % 1000 * 10, 40000, 2):
        with socket.socket() as one, socket.socket() as two:
            try:
                one.bind(("127.0.0.1", port))
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


@pytest.mark.slow
def test_hilo_runs_until_told_to_stop_and_leaves_nothing_behind(ground: Ground) -> None:
    port = free_port()
    environ = ground.environment | {"PORT": str(port), "HILO_DEMO": "no", "PATH": os.environ["PATH"]}
    with subprocess.Popen(
        [sys.executable, "-m", "config.running"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=CHECKOUT,
        env=environ,
    ) as runner:
        wait_for_line(runner, "Hilo is running")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == http.client.OK
        connection.close()
        listing = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(runner.pid)], capture_output=True, text=True, check=True)
        children = [int(line.split()[0]) for line in listing.stdout.splitlines()]

        runner.send_signal(signal.SIGTERM)

        assert runner.wait(timeout=30) == 0
    for child in children:
        wait_for_end(child)
    ground.wait_until_stopped("postgres")
    ground.wait_until_stopped("valkey")
