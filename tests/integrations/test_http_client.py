"""Outgoing HTTP: private networks stay out of reach, whatever a name or a redirect says, and nothing lasts or grows for ever."""

import gzip
import socket
import threading
from contextlib import suppress
from typing import Any

import httpx
import pytest

from integrations import http_client
from integrations.http_client import AnswerTooLarge, HttpError, NoAnswer, NotSent, RefusedAddress, request
from tests.integrations.provider import Provider
from tests.ports import free_port

PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:1:2:3:4:80ff:fffe",
    "2001:db8::1",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "157.240.22.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_known_in_every_disguise(address: str) -> None:
    assert not http_client.is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_spoken_to(address: str) -> None:
    assert http_client.is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "LOCALHOST.",
        "①②⑦.⓪.⓪.①",
    ],
)
def test_this_machine_is_refused_however_it_is_spelled(provider: Provider, settings: Any, host: str) -> None:
    settings.OUTGOING_HTTP_ALLOW = []

    with pytest.raises(NotSent):
        request("GET", f"http://{host}:{provider.url.rsplit(':', 1)[1]}/")

    assert provider.asked == []


def test_a_refused_address_is_told_apart_from_one_that_does_not_answer(settings: Any) -> None:
    settings.OUTGOING_HTTP_ALLOW = []
    with pytest.raises(RefusedAddress):
        request("GET", "http://169.254.169.254/latest/meta-data/")
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1"]
    with pytest.raises(NotSent) as failed:
        request("GET", f"http://127.0.0.1:{free_port()}/")
    assert not isinstance(failed.value, RefusedAddress)


def test_a_name_that_leads_inside_is_refused_after_it_was_resolved(
    provider: Provider, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One private address among the name's addresses is enough."""
    settings.OUTGOING_HTTP_ALLOW = []
    port = int(provider.url.rsplit(":", 1)[1])
    resolve_to(monkeypatch, "8.8.8.8", "127.0.0.1")

    with pytest.raises(RefusedAddress, match=r"rebind\.example"):
        request("GET", f"http://rebind.example:{port}/")

    assert provider.asked == []


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    provider: Provider, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that says something else at the second question is never asked a second time."""
    settings.OUTGOING_HTTP_ALLOW = ["graph.example"]
    asked = resolve_to(monkeypatch, "127.0.0.1")
    provider.answer(200, {"ok": True})

    answer = request("GET", f"http://graph.example:{provider.url.rsplit(':', 1)[1]}/x")

    assert answer.status == 200
    assert asked == ["graph.example"]
    assert provider.asked[0].headers["host"].startswith("graph.example:")


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    asked: list[str] = []
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host in addresses:
            return real(host, port, *args, **kwargs)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize("allowed", ["127.0.0.1", "127.0.0.0/8"])
def test_the_operator_may_allow_an_address_or_a_network(provider: Provider, settings: Any, allowed: str) -> None:
    settings.OUTGOING_HTTP_ALLOW = [allowed]
    provider.answer(200)
    assert request("GET", provider.url).status == 200


def test_what_is_allowed_is_that_name_and_no_other(provider: Provider, settings: Any) -> None:
    settings.OUTGOING_HTTP_ALLOW = ["crm.intranet", "10.0.0.0/8"]
    with pytest.raises(RefusedAddress):
        request("GET", provider.url)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.com/", "gopher://127.0.0.1/", "//example.com", "http://", "nada", "http://[::1", ""]
)
def test_only_web_addresses_are_spoken_to(url: str) -> None:
    with pytest.raises(RefusedAddress):
        request("GET", url)


def test_a_redirect_inside_is_refused(provider: Provider, settings: Any) -> None:
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1"]
    provider.answer(302, headers={"Location": "http://169.254.169.254/latest/meta-data/iam/"})

    with pytest.raises(RefusedAddress):
        request("GET", provider.url)

    assert len(provider.asked) == 1


@pytest.mark.parametrize("where", ["file:///etc/passwd", "javascript:alert(1)"])
def test_a_redirect_to_what_is_no_web_address_is_refused(provider: Provider, where: str) -> None:
    provider.answer(302, headers={"Location": where})
    with pytest.raises(HttpError):
        request("GET", provider.url)


def test_redirects_are_followed_three_times(provider: Provider) -> None:
    for _ in range(3):
        provider.answer(302, headers={"Location": "/next"})
    provider.answer(200, {"there": True})
    assert request("GET", provider.url).status == 200

    for _ in range(4):
        provider.answer(302, headers={"Location": "/next"})
    with pytest.raises(NoAnswer, match="too often"):
        request("GET", provider.url)


def test_credentials_do_not_follow_a_redirect_to_another_host(provider: Provider, settings: Any) -> None:
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1", "localhost"]
    provider.answer(302, headers={"Location": provider.url.replace("127.0.0.1", "localhost") + "/b"})
    provider.answer(200)

    request("GET", f"{provider.url}/a", headers={"Authorization": "Bearer secreto"})

    assert "authorization" in provider.asked[0].headers
    assert "authorization" not in provider.asked[1].headers


def test_a_redirect_is_an_answer_where_it_is_not_followed(provider: Provider) -> None:
    provider.answer(302, headers={"Location": "/next"})
    assert request("POST", provider.url, json={}, follow_redirects=False).status == 302
    assert len(provider.asked) == 1


def test_an_answer_that_grows_for_ever_is_cut(provider: Provider) -> None:
    provider.answer(endless=True)
    with pytest.raises(AnswerTooLarge):
        request("GET", provider.url, max_bytes=1_000_000)


def test_a_small_answer_that_unpacks_to_a_large_one_is_cut(provider: Provider) -> None:
    provider.answer(200, gzip.compress(b"0" * 20_000_000), headers={"Content-Encoding": "gzip"})
    with pytest.raises(AnswerTooLarge):
        request("GET", provider.url, max_bytes=1_000_000)


def test_an_answer_that_was_packed_twice_is_not_unpacked(provider: Provider) -> None:
    provider.answer(200, gzip.compress(gzip.compress(b"0" * 1000)), headers={"Content-Encoding": "gzip, gzip"})
    with pytest.raises(NoAnswer, match="more than once"):
        request("GET", provider.url)


def test_an_answer_without_an_end_is_given_up(provider: Provider) -> None:
    provider.answer(endless=True)
    with pytest.raises(NoAnswer, match="too slowly"):
        request("GET", provider.url, max_bytes=10**12, deadline=0.1)


@pytest.mark.parametrize("before", [b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Slow: "])
def test_an_answer_that_drips_is_given_up(before: bytes, settings: Any) -> None:
    """A byte now and then, in the body or in the headers already, is no answer."""
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1"]
    over = threading.Event()

    def drip(listening: socket.socket) -> None:
        line, _address = listening.accept()
        with line, suppress(OSError):
            line.recv(65536)
            line.sendall(before)
            while not over.wait(0.05):
                line.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip, args=(listening,))
        thread.start()
        # Given up by the deadline, long before the server is told to end.
        ending = threading.Timer(20, over.set)
        ending.start()
        try:
            with pytest.raises(NoAnswer):
                request("GET", f"http://127.0.0.1:{listening.getsockname()[1]}/", timeout=10, deadline=0.3)
            assert not over.is_set()
        finally:
            ending.cancel()
            over.set()
            thread.join(10)


def test_a_silent_server_is_given_up(provider: Provider) -> None:
    provider.answer(hang=True)
    with pytest.raises(NoAnswer):
        request("GET", provider.url, timeout=httpx.Timeout(0.2))


def test_the_environments_proxy_is_not_used(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    provider.answer(200, {"direct": True})
    assert request("GET", provider.url).content == b'{"direct": true}'


def test_an_error_status_is_an_answer(provider: Provider) -> None:
    provider.answer(404, b"no", headers={"Content-Type": "text/plain; charset=utf-8"})
    answer = request("GET", provider.url)
    assert (answer.status, answer.content, answer.content_type) == (404, b"no", "text/plain")


def test_a_line_that_breaks_leaves_open_whether_it_was_taken(provider: Provider) -> None:
    provider.answer(cut=True)
    with pytest.raises(NoAnswer):
        request("POST", provider.url, json={})
