"""A line that can be cut: a TCP proxy that drops its connections, or lets one direction through and swallows the other."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class CuttingProxy:
    """``cut()`` drops every connection and refuses new ones until ``mend()``; ``swallow_answers`` loses what the server says."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.swallow_answers = False
        self.is_cut = False
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        self.is_cut = True
        self._drop()

    def mend(self) -> None:
        self.swallow_answers = False
        self.is_cut = False

    def close(self) -> None:
        # Closing alone does not wake a thread that waits in accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        self._drop()

    def _drop(self) -> None:
        with self._lock:
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self._listener.accept()
            except OSError:
                return
            if self.is_cut:
                near.close()
                continue
            threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        """Carry both directions of one connection until either ends; then close both sockets."""
        with near, socket.create_connection(("127.0.0.1", self.target_port)) as far:
            with self._lock:
                self._open |= {near, far}
            back = threading.Thread(target=self._carry, args=(far, near, True), daemon=True)
            back.start()
            self._carry(near, far, False)
            back.join()
            with self._lock:
                self._open -= {near, far}

    def _carry(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not (is_answer and self.swallow_answers):
                    sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def cuttable(target_port: int) -> Iterator[CuttingProxy]:
    """A proxy to a port of 127.0.0.1, closed at the end of the block."""
    proxy = CuttingProxy(target_port)
    try:
        yield proxy
    finally:
        proxy.close()
