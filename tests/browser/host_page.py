"""Somebody else's web site, with a content security policy as strict as they come, on a port of its own."""

import html
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAGE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><title>Tienda</title><meta name="viewport" content="width=device-width">
<script src="{script}" async{attributes}></script></head>
<body><main><h1>Tienda</h1><p>Una página con su propia política.</p><button type="button">Comprar</button></main></body></html>
"""


@dataclass
class HostPage:
    """The page's script tag and policy; change them between visits."""

    url: str = ""
    lang: str = "es"
    script: str = ""
    policy: str = ""
    attributes: dict[str, str] = field(default_factory=dict)

    def embed(self, server: str, key: str, **attributes: str) -> "HostPage":
        """Show the chat ``key`` of ``server`` (http://…), allowing nothing but what the guide says a page must allow."""
        self.script = f"{server}/widget/{key}.js"
        self.policy = (
            f"default-src 'none'; script-src {server}/widget/; connect-src {server}/widget/ {server.replace('http', 'ws', 1)}/ws/chat/;"
            " base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
        )
        self.attributes = attributes
        return self

    def body(self) -> bytes:
        attributes = "".join(f' {name}="{html.escape(value)}"' for name, value in self.attributes.items())
        return PAGE.format(lang=self.lang, script=self.script, attributes=attributes).encode()


@contextmanager
def serve_host_page() -> Iterator[HostPage]:
    """Serve the page at 127.0.0.1 until the block ends."""
    page = HostPage()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", page.policy)
            self.end_headers()
            self.wfile.write(page.body())

        def log_message(self, *_args: Any) -> None:
            """The tests' output is not its log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    page.url = f"http://127.0.0.1:{server.server_address[1]}/"
    try:
        yield page
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
