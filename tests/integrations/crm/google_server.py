"""A Radicale that behaves like Google's address books: it is found by a redirect, takes a bearer token and names new cards itself.

After developers.google.com/people/carddav; that a new card is stored under another name is what clients of it found.
"""

import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.integrations.crm.oauth_server import AuthorizationServer
from tests.integrations.crm.peers import Radicale

SCOPE = "https://www.googleapis.com/auth/carddav"


class Google:
    """One account's book. ``url`` is where its services are."""

    def __init__(self, radicale: Radicale, user: str) -> None:
        self.radicale, self.user = radicale, user
        self.book = radicale.book(user).removeprefix(radicale.url)
        self.oauth = AuthorizationServer(scopes={SCOPE})
        self.url = ""

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if path == "/token":
            return self.oauth.token(body)
        if not self.oauth.lets_in(headers.get("Authorization", "")):
            return 401, {}, b""
        if path == "/.well-known/carddav":
            return 301, {"Location": f"{self.url}{self.book}"}, b""
        named = path
        if method == "PUT" and headers.get("If-None-Match") == "*":
            named = f"{self.book}{hashlib.sha256(body).hexdigest()[:16]}"
        basic = base64.b64encode(f"{self.user}:x".encode()).decode()
        kept = {name: value for name, value in headers.items() if name in ("Depth", "Content-Type", "If-Match", "If-None-Match")}
        asked = {**kept, "Authorization": f"Basic {basic}"}
        got = self.radicale.client.request(method, f"{self.radicale.url}{named}", headers=asked, content=body)
        said = {name: got.headers[name] for name in ("ETag", "Content-Type", "Last-Modified") if name in got.headers}
        return got.status_code, said | ({"Location": f"{self.url}{named}"} if named != path else {}), got.content


@contextmanager
def running_google(radicale: Radicale, user: str) -> Iterator[Google]:
    google = Google(radicale, user)

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, content = google.answer(self.command, httpx.URL(self.path).path, self.headers, body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = do_PROPFIND = do_REPORT = _handle

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    google.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield google
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
