"""The one client for outgoing HTTP: time-outs, size and redirect limits, and no way into private networks.

An address that people or providers give us may point into our own network. So every connection is made to an IP address
that was checked after the name was resolved, and to exactly that address, at each redirect too.
"""

import ipaddress
import os
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx
from django.conf import settings
from django.utils.translation import gettext as _

from integrations.http_deadlines import Punctual, ending_at

MAX_REDIRECTS = 3
DEFAULT_MAX_BYTES = 2 * 1024 * 1024
TIMEOUT = httpx.Timeout(15, connect=5)
DEADLINE = 60.0  # seconds for one whole exchange, however slowly the other side drips

_WRAPPED_V4 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


class HttpError(Exception):
    """The exchange did not work."""


class NotSent(HttpError):
    """The request certainly was not taken by the other side: it may be tried again."""


class RefusedAddress(NotSent):
    """The address is private, or not one that we speak to."""


class NoAnswer(HttpError):
    """The request may have been taken, but no usable answer came."""


class AnswerTooLarge(HttpError):
    """The answer is larger than the caller wants."""


@dataclass(frozen=True)
class Answer:
    """Whatever the other side answered, errors too."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    json: Any = None,
    content: bytes | None = None,
    data: Mapping[str, str] | None = None,
    files: Any = None,
    max_bytes: int = DEFAULT_MAX_BYTES,
    timeout: httpx.Timeout | float = TIMEOUT,
    deadline: float = DEADLINE,
    follow_redirects: bool = True,
) -> Answer:
    """One exchange. Raises ``NotSent`` (with ``RefusedAddress``), ``NoAnswer`` or ``AnswerTooLarge``; an error status is an answer."""
    ends = time.monotonic() + deadline
    try:
        prepared = _client().build_request(
            method,
            url,
            headers=dict(headers or {}),
            params=params,
            json=json,
            content=content,
            data=dict(data) if data else None,
            files=files,
            timeout=timeout,
        )
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError) as error:
        raise RefusedAddress(str(error)) from error
    for _hop in range(MAX_REDIRECTS + 1):
        _require_http(prepared.url)
        answer, following = _exchange(prepared, max_bytes=max_bytes, ends=ends)
        if following is None or not follow_redirects:
            return answer
        if prepared.url.scheme == "https" and following.url.scheme != "https":
            raise RefusedAddress(f"{prepared.url.host} redirects to an unencrypted address")
        following.extensions = prepared.extensions
        prepared = following
    raise NoAnswer(f"{prepared.url.host} redirects too often")


def _exchange(prepared: httpx.Request, *, max_bytes: int, ends: float) -> tuple[Answer, httpx.Request | None]:
    with ending_at(ends):
        return _one(prepared, max_bytes=max_bytes)


def _one(prepared: httpx.Request, *, max_bytes: int) -> tuple[Answer, httpx.Request | None]:
    try:
        response = _client().send(prepared, stream=True)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
        if isinstance(error.__cause__, _Refused) or isinstance(error.__context__, _Refused):
            raise RefusedAddress(str(error)) from error
        raise NotSent(f"{prepared.url.host}: {error or type(error).__name__}") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # An invalid address can only be where a redirect points to.
        raise NoAnswer(f"{prepared.url.host}: {error or type(error).__name__}") from error
    try:
        content = _read(response, max_bytes=max_bytes)
    finally:
        response.close()
    return Answer(response.status_code, response.headers, content, str(response.url)), response.next_request


def _read(response: httpx.Response, *, max_bytes: int) -> bytes:
    # Packed once, a block grows a thousandfold at most; packed twice, a few hundred bytes fill the memory.
    if len(response.headers.get_list("content-encoding", split_commas=True)) > 1:
        raise NoAnswer(f"{response.url.host} packs its answer more than once")
    parts, size = [], 0
    try:
        for part in response.iter_bytes():
            size += len(part)
            if size > max_bytes:
                raise AnswerTooLarge(f"{response.url.host} sends more than {max_bytes} bytes")
            parts.append(part)
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise NoAnswer(f"{response.url.host}: {error or type(error).__name__}") from error
    return b"".join(parts)


def _require_http(url: httpx.URL) -> None:
    if url.scheme not in ("http", "https") or not url.host:
        raise RefusedAddress(f"not a web address: {url.scheme}")


class _Refused(httpcore.ConnectError):
    pass


class _CheckedNetwork(httpcore.NetworkBackend):
    """Resolves a name itself, and connects to the address that was checked, not to whatever the name says a moment later."""

    def __init__(self) -> None:
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = resolve(host, port)
        error: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses[:3]:
            try:
                return Punctual(
                    self._network.connect_tcp(address, port, timeout=timeout, local_address=local_address, socket_options=socket_options)
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error

    def connect_unix_socket(self, path: str, timeout: float | None = None, socket_options: Any = None) -> httpcore.NetworkStream:
        raise _Refused("no sockets")


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host that may be spoken to. One forbidden address forbids the host."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"{host} cannot be resolved") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if host.lower().rstrip(".") in {name.lower() for name in settings.OUTGOING_HTTP_ALLOW}:
        return addresses
    for address in addresses:
        if not is_public(address) and not _is_allowed(address):
            raise _Refused(_("%(host)s is in a private network. The operator can allow it with HILO_OUTGOING_HTTP_ALLOW.") % {"host": host})
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the open internet, seen through the ways an IPv4 address hides in an IPv6 one."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        hidden = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if hidden is None and any(ip in network for network in _WRAPPED_V4):
            hidden = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if hidden is None and int(ip) < 2**32:
            hidden = ipaddress.IPv4Address(int(ip))
        if hidden is not None:
            return is_public(str(hidden))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _is_allowed(address: str) -> bool:
    ip = ipaddress.ip_address(address.split("%")[0])
    for entry in settings.OUTGOING_HTTP_ALLOW:
        try:
            if ip in ipaddress.ip_network(entry, strict=False):
                return True
        except ValueError:
            continue  # a host name
    return False


class _CheckedTransport(httpx.HTTPTransport):
    def __init__(self) -> None:
        super().__init__(trust_env=False)
        self._pool.close()
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=50,
            max_keepalive_connections=20,
            keepalive_expiry=5,  # well below what servers allow: a connection that dies under a message leaves its outcome unknown
            network_backend=_CheckedNetwork(),
        )


_clients: dict[int, httpx.Client] = {}


def _client() -> httpx.Client:
    """One client per process: connections must not cross a fork."""
    client = _clients.get(os.getpid())
    if client is None:
        _clients.clear()
        client = _clients[os.getpid()] = httpx.Client(
            transport=_CheckedTransport(), trust_env=False, follow_redirects=False, headers={"User-Agent": "Hilo"}
        )
    return client
