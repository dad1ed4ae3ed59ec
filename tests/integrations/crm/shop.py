"""A business's own system with a REST interface: keeps state, pages, versions; checks preconditions; refuses what it does not like."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "Bearer la-llave"
PAGE = 3


@dataclass
class Shop:
    """``makes`` is what it makes of a name; ``lags`` answers lists from before the last writes; ``ahead`` is its clock's error."""

    url: str = ""
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    makes: Callable[[str], str] = str
    refuses: Callable[[dict[str, Any]], bool] = lambda _body: False
    ahead: timedelta = timedelta()
    lagging: list[dict[str, Any]] | None = None
    busy: int = 0
    writes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, **values: Any) -> str:
        with self.lock:
            row_id = str(len(self.rows) + 1)
            self.rows[row_id] = {
                "id": row_id,
                "name": None,
                "email": None,
                "phone": None,
                "address": {"street": None, "city": None},
                "deleted": False,
                **values,
            }
            self._touch(row_id)
            return row_id

    def change(self, row_id: str, **values: Any) -> None:
        with self.lock:
            self.rows[row_id] |= values
            self._touch(row_id)

    def lag(self) -> None:
        """From now on lists show what is there now."""
        self.lagging = json.loads(json.dumps(list(self.rows.values())))

    def _touch(self, row_id: str) -> None:
        self.rows[row_id]["updated_at"] = (datetime.now(UTC) + self.ahead).isoformat()

    def answer(self, method: str, url: str, body: Any, headers: Any) -> tuple[int, Any, dict[str, str]]:
        with self.lock:
            if self.busy:
                self.busy -= 1
                return 429, {}, {"Retry-After": "7"}
            if headers.get("Authorization") != KEY:
                return 401, {}, {}
            parts = urlsplit(url)
            row_id = parts.path.removeprefix("/customers").strip("/")
            if method == "GET" and not row_id:
                return self._list(parse_qs(parts.query))
            if method == "POST":
                return self._create(body, headers.get("Idempotency-Key", ""))
            if row_id not in self.rows:
                return 404, {}, {}
            return self._one(method, row_id, body, headers)

    def _list(self, asked: dict[str, list[str]]) -> tuple[int, Any, dict[str, str]]:
        since, page = asked.get("updated_since", [""])[0], int(asked.get("page", ["1"])[0])
        rows = self.lagging if self.lagging is not None else list(self.rows.values())
        found = sorted((row for row in rows if row["updated_at"] >= since), key=lambda row: row["updated_at"])
        return 200, {"data": found[(page - 1) * PAGE : page * PAGE]}, {}

    def _create(self, body: Any, key: str) -> tuple[int, Any, dict[str, str]]:
        if self.refuses(body):
            return 422, {}, {}
        if key not in self.keys:
            self.keys[key] = row_id = str(len(self.rows) + 1)
            self.rows[row_id] = {
                "id": row_id,
                "name": None,
                "email": None,
                "phone": None,
                "address": {"street": None, "city": None},
                "deleted": False,
            }
            self._write(row_id, body)
        return 201, self.rows[self.keys[key]], {}

    def _one(self, method: str, row_id: str, body: Any, headers: Any) -> tuple[int, Any, dict[str, str]]:
        row = self.rows[row_id]
        etag = f'"{row["updated_at"]}"'
        if method == "GET":
            return 200, row, {"ETag": etag}
        if headers.get("If-Match", etag) != etag:
            return 412, {}, {}
        if method == "DELETE":
            row["deleted"] = True
            self._touch(row_id)
            return 204, None, {}
        if self.refuses({**row, **body}):
            return 422, {}, {}
        self._write(row_id, body)
        return 200, row, {"ETag": f'"{row["updated_at"]}"'}

    def _write(self, row_id: str, body: Any) -> None:
        self.writes += 1
        self.rows[row_id] |= body
        if self.rows[row_id]["name"]:
            self.rows[row_id]["name"] = self.makes(self.rows[row_id]["name"])
        self._touch(row_id)


@contextmanager
def running_shop(**options: Any) -> Iterator[Shop]:
    shop = Shop(**options)

    class Handler(BaseHTTPRequestHandler):
        # HTTP/1.0: every answer closes its line, so that no test leaves one open.
        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, said, headers = shop.answer(self.command, self.path, body, self.headers)
            content = b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _handle

        def log_message(self, *_arguments: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    shop.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
