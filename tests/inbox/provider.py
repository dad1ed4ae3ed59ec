"""A provider on the loop-back interface: it takes messages as the Graph API does, answers as told, and remembers everything."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# An answer: status and body; None hangs up without a word, after the request was read.
Answer = tuple[int, Any] | None


class Provider(ThreadingHTTPServer):
    """``received`` holds the bodies in order; ``answers`` are used up first, then every message is taken."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[dict[str, Any]] = []
        self.answers: list[Answer] = []
        self.files: dict[str, bytes] = {}
        # Instead of a file, where it is set.
        self.get_answer: Answer = None
        # Called with the id that is about to be answered: what overtakes the receipt.
        self.before_answering: Callable[[str], None] = lambda provider_id: None
        self.got_one = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def bodies(self) -> list[str]:
        return [body.get("text", {}).get("body", "") for body in self.received]


def refusal(code: int, status: int = 400) -> Answer:
    return status, {"error": {"code": code, "message": "no"}}


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        self.server.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        number = len(self.server.received)
        self.server.got_one.set()
        answer = self.server.answers.pop(0) if self.server.answers else (200, {"messages": [{"id": f"wamid.{number}"}]})
        if answer is None:
            self.close_connection = True
            return
        status, body = answer
        for message in body.get("messages", []):
            self.server.before_answering(message["id"])
        self._answer(status, json.dumps(body).encode(), "application/json")

    def do_GET(self) -> None:
        place = self.path.partition("?")[0].strip("/").split("/")[-1]
        if self.server.get_answer is not None:
            status, body = self.server.get_answer
            self._answer(status, json.dumps(body).encode(), "application/json")
        elif place.startswith("file-"):
            self._answer(200, self.server.files[place], "image/png")
        elif f"file-{place}" in self.server.files:
            about = {"url": f"{self.server.url}/file-{place}", "mime_type": "image/png", "id": place}
            self._answer(200, json.dumps(about).encode(), "application/json")
        else:
            self._answer(404, b'{"error": {"code": 100, "message": "gone"}}', "application/json")

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def running_provider() -> Iterator[Provider]:
    with Provider() as provider:
        thread = threading.Thread(target=provider.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield provider
        provider.shutdown()
        thread.join(10)
