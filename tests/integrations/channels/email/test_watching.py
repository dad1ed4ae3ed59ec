"""Mailboxes under watch by real threads: mail is there at once, changes are noticed, an end is an end."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from accounts.models import Account, Channel
from accounts.scope import account_scope
from config.simulator.mailserver import MailServer
from inbox.models import InboundEvent
from integrations.channels.email import watching
from integrations.channels.email.watching import MailboxWatcher, Watch
from integrations.models import MailboxCursor
from tests.conftest import make_account
from tests.integrations.channels.email.conftest import WORD, channel_on
from tests.integrations.channels.email.reading import HOUSE, mail


@pytest.fixture
def shop(committed_db: None) -> Account:
    """An account that other threads see."""
    return make_account("correo", language="en")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_SLICE", 0.05)
    monkeypatch.setattr(watching, "_FIRST_PAUSE", 0.05)


@pytest.fixture
def watched(shop: Account, server: MailServer) -> Iterator[Channel]:
    """A mailbox under watch until the test ends. The address is its own: other tests' channels stay in the database."""
    channel = channel_on(server, shop)
    watcher = MailboxWatcher(account_id=shop.pk, channel_id=channel.pk)
    watcher.start()
    yield channel
    watcher.stop()
    watcher.join(10)
    assert not watcher.is_alive()


def until(condition: Callable[[], Any], *, seconds: float = 20) -> Any:
    """What the condition gives once it gives something. There is no event to wait for across processes and servers."""
    ends = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends, "it never came"
        threading.Event().wait(0.02)
    return found


def events(channel: Channel) -> list[bytes]:
    with account_scope(channel.account_id):
        return [bytes(event.body) for event in InboundEvent.objects.filter(channel=channel).order_by("pk")]


def problem(channel: Channel) -> str:
    with account_scope(channel.account_id):
        channel.refresh_from_db()
        return channel.problem


def is_read(channel: Channel) -> bool:
    with account_scope(channel.account_id):
        return MailboxCursor.objects.filter(channel=channel, checked_at__isnull=False).exists()


def write(server: MailServer, body: str) -> None:
    server.send(mail(body, Message_ID=f"<{body}@cliente.test>").encode(), sender="ana@cliente.test", to=HOUSE)


def test_the_server_pushes_and_the_mail_is_there(watched: Channel, server: MailServer) -> None:
    until(lambda: is_read(watched))
    began = time.monotonic()
    write(server, "empujado")
    until(lambda: len(events(watched)) == 1)
    assert time.monotonic() - began < watching.POLL_SECONDS / 2


def test_a_server_without_push_is_asked_again_and_again(shop: Account, server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(watching, "_has_idle", lambda mailbox: False)
    channel = channel_on(server, shop)
    watcher = MailboxWatcher(account_id=shop.pk, channel_id=channel.pk)
    watcher.start()
    try:
        until(lambda: is_read(channel))
        write(server, "preguntado")
        until(lambda: len(events(channel)) == 1)
    finally:
        watcher.stop()
        watcher.join(10)


def test_a_cut_line_is_taken_up_again_and_nothing_is_lost(watched: Channel, server: MailServer) -> None:
    write(server, "antes")
    until(lambda: len(events(watched)) == 1)
    server.drop_connections()
    write(server, "durante")
    until(lambda: len(events(watched)) == 2)
    assert problem(watched) == ""


def test_a_server_that_was_away_is_found_again(watched: Channel, server: MailServer) -> None:
    until(lambda: is_read(watched))
    server.stop()
    until(lambda: "127.0.0.1" in problem(watched))
    server.start()
    write(server, "de-vuelta")
    until(lambda: len(events(watched)) == 1)
    until(lambda: problem(watched) == "")


def test_a_wrong_password_is_said_at_once_and_its_cure_noticed(shop: Account, server: MailServer) -> None:
    channel = channel_on(server, shop, imap_password="otra")
    watch = Watch(look_every=0.05)
    stopping = threading.Event()
    running = threading.Thread(target=watch.run, args=(stopping,))
    running.start()
    try:
        until(lambda: "refuses the login" in problem(channel))
        with account_scope(shop):
            Channel.objects.filter(pk=channel.pk).update(secrets={"imap_password": WORD})
        write(server, "curado")
        until(lambda: len(events(channel)) == 1)
        until(lambda: problem(channel) == "")
    finally:
        stopping.set()
        running.join(15)
    assert not running.is_alive()


def test_channels_that_come_and_go(shop: Account, server: MailServer) -> None:
    watch = Watch()
    try:
        first = channel_on(server, shop)
        watch.look()
        assert first.pk in watch.watched

        second = channel_on(server, shop)
        with account_scope(shop):
            Channel.objects.filter(pk=first.pk).update(is_active=False)
        watch.look()
        assert first.pk not in watch.watched
        assert second.pk in watch.watched
    finally:
        watch.stop()
    assert watch.watched == set()
    assert not [thread for thread in threading.enumerate() if thread.name in {f"mailbox-{first.pk}", f"mailbox-{second.pk}"}]


@pytest.mark.slow
def test_the_process_reads_mail_and_ends_when_told(shop: Account, server: MailServer) -> None:
    channel = channel_on(server, shop)
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "HILO_OUTGOING_HTTP_ALLOW": "127.0.0.1",
        "HILO_FETCH_DATABASE": str(connection.settings_dict["NAME"]),
    }
    # The command itself, on the database of the tests.
    program = (
        "import os, django; django.setup(); from django.db import connection;"
        "connection.settings_dict['NAME'] = os.environ['HILO_FETCH_DATABASE'];"
        "from django.core.management import call_command; call_command('fetch_mail')"
    )
    process = subprocess.Popen([sys.executable, "-c", program], env=environment)
    try:
        write(server, "proceso")
        until(lambda: len(events(channel)) == 1, seconds=60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
