"""Keep every mailbox of every account under watch: one thread each, IDLE where the server has it, polling where not."""

import contextlib
import hashlib
import imaplib
import json
import random
import threading
import time
from collections.abc import Callable, Iterator

import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.utils import translation
from django.utils.translation import gettext as _
from imap_tools import ImapToolsError

from accounts.entrances import all_account_ids
from accounts.models import Account, Channel
from accounts.scope import account_scope
from integrations.channels.email.connecting import CannotConnect, Mailbox, open_mailbox
from integrations.channels.email.fetching import fetch_new
from integrations.channels.email.mailbox_settings import settings_of

log = structlog.get_logger(__name__)
POLL_SECONDS = 60.0  # without IDLE
IDLE_SECONDS = 240.0  # one IDLE; well below the half hour after which servers hang up, and below what firewalls keep open
_SLICE = 1.0  # how soon a watcher notices that it should stop
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 300.0
_FAILURES_BEFORE_A_WORD = 3  # a line that drops once in a while is no problem of the channel
_Broken = (OSError, EOFError, imaplib.IMAP4.error, ImapToolsError)


def fetch_once() -> int:
    """Read every active mailbox of every account one time; returns how many new mails were stored."""
    total = 0
    for account_id in all_account_ids():
        with account_scope(account_id):
            for channel in Channel.scoped().filter(kind="email", is_active=True).order_by("pk"):
                with _problem_on(channel, always=True), open_mailbox(settings_of(channel)) as mailbox:
                    total += fetch_new(channel=channel, mailbox=mailbox)
    return total


class MailboxWatcher(threading.Thread):
    """Watches one mailbox until ``stop`` is called. Holds no database connection while it waits."""

    def __init__(self, *, account_id: int, channel_id: int) -> None:
        super().__init__(name=f"mailbox-{channel_id}", daemon=True)
        self.account_id, self.channel_id = account_id, channel_id
        self._stopping = threading.Event()
        self._failures = 0

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            worked = False
            try:
                with account_scope(self.account_id), translation.override(self._language()):
                    channel = Channel.scoped().get(pk=self.channel_id)
                    with _problem_on(channel, always=self._failures + 1 >= _FAILURES_BEFORE_A_WORD) as outcome:
                        self._watch(channel)
                    worked = outcome.worked
            except Channel.DoesNotExist:
                return
            except (DatabaseError, InterfaceError):
                log.exception("email.database", channel=self.channel_id)
            except Exception:
                # One mailbox must not end the watch for good, whatever its server says.
                log.exception("email.watch", channel=self.channel_id)
            finally:
                connection.close()
            self._failures = 0 if worked else self._failures + 1
            self._stopping.wait(0 if worked else _pause(self._failures))

    def _language(self) -> str:
        return Account.objects.get(pk=self.account_id).language

    def _watch(self, channel: Channel) -> None:
        """Read, wait, read again, on one connection. Returns when asked to stop; raises when the connection breaks."""
        settings = settings_of(channel)
        # A server that is slow to answer must not keep a connection of the pool from the other mailboxes.
        connection.close()
        with open_mailbox(settings) as mailbox:
            has_idle = _has_idle(mailbox)
            log.info("email.connected", channel=channel.pk, idle=has_idle)
            while not self._stopping.is_set():
                fetch_new(channel=channel, mailbox=mailbox, should_stop=self._stopping.is_set)
                _clear_problem(channel)
                self._failures = 0
                connection.close()
                if has_idle:
                    self._idle(mailbox)
                else:
                    self._stopping.wait(POLL_SECONDS)

    def _idle(self, mailbox: Mailbox) -> None:
        """Wait until the server pushes something, the time is over, or a stop. Raises when the line broke."""
        mailbox.idle.start()
        ends = time.monotonic() + IDLE_SECONDS
        while not self._stopping.is_set() and time.monotonic() < ends:
            began = time.monotonic()
            # The library waits for the socket before it looks into what it has read already; a slice bounds that.
            if mailbox.idle.poll(timeout=_SLICE) or time.monotonic() - began < _SLICE / 2:
                break  # news, or a closed line, which the next command finds
        mailbox.idle.stop()


def _has_idle(mailbox: Mailbox) -> bool:
    # Some servers tell what they can do only after the login.
    _status, answer = mailbox.client.capability()
    return any(b"IDLE" in line.upper().split() for line in answer if line)


def _pause(failures: int) -> float:
    """Seconds to wait, twice as long each time, and not the same for all mailboxes of one server."""
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(failures - 1, 10)) * random.uniform(0.7, 1.3)  # noqa: S311


class _Outcome:
    worked = False


@contextlib.contextmanager
def _problem_on(channel: Channel, *, always: bool) -> Iterator[_Outcome]:
    """Write why a mailbox does not work onto its channel; a broken line only if ``always``, a wrong password at once."""
    outcome = _Outcome()
    try:
        yield outcome
        outcome.worked = True
        _clear_problem(channel)
    except CannotConnect as problem:
        log.warning("email.cannot_connect", channel=channel.pk, problem=problem.text)
        if always or problem.needs_a_person:
            _set_problem(channel, problem.text)
    except _Broken as error:
        log.warning("email.connection_broken", channel=channel.pk, error=str(error)[:300])
        if always:
            _set_problem(channel, _("The connection to the mail server keeps breaking: %(reason)s") % {"reason": str(error)[:200]})


def _set_problem(channel: Channel, text: str) -> None:
    if channel.problem != text:
        Channel.scoped().filter(pk=channel.pk).update(problem=text)
        channel.problem = text


def _clear_problem(channel: Channel) -> None:
    if channel.problem:
        _set_problem(channel, "")


class Watch:
    """The watchers of all mailboxes, kept in step with the channels in the database."""

    def __init__(self, *, look_every: float = 3.0, watcher: Callable[..., MailboxWatcher] = MailboxWatcher) -> None:
        self.look_every = look_every
        self._new_watcher = watcher
        self._watchers: dict[int, tuple[str, MailboxWatcher]] = {}
        self._leaving: list[MailboxWatcher] = []

    def run(self, stopping: threading.Event) -> None:
        """Until ``stopping`` is set; then every connection is closed."""
        while not stopping.is_set():
            try:
                self.look()
            except (DatabaseError, InterfaceError):
                log.exception("email.database")
            finally:
                connection.close()
            stopping.wait(self.look_every)
        self.stop()

    def look(self) -> None:
        """Start watchers of new channels, stop those of channels that are gone, renew those whose settings changed."""
        wanted = dict(_mailboxes())
        self._leaving = [watcher for watcher in self._leaving if watcher.is_alive()]
        for channel_id, (print_before, watcher) in list(self._watchers.items()):
            if channel_id not in wanted or wanted[channel_id][1] != print_before or not watcher.is_alive():
                watcher.stop()
                self._leaving.append(watcher)
                del self._watchers[channel_id]
        for channel_id, (account_id, fingerprint) in wanted.items():
            if channel_id not in self._watchers:
                watcher = self._new_watcher(account_id=account_id, channel_id=channel_id)
                self._watchers[channel_id] = (fingerprint, watcher)
                watcher.start()

    def stop(self) -> None:
        """Ask all to stop, then wait for them, ten seconds in all."""
        watchers = [watcher for _print, watcher in self._watchers.values()] + self._leaving
        for watcher in watchers:
            watcher.stop()
        ends = time.monotonic() + 10
        for watcher in watchers:
            watcher.join(max(0.0, ends - time.monotonic()))
        self._watchers.clear()
        self._leaving.clear()

    @property
    def watched(self) -> set[int]:
        return set(self._watchers)


def _mailboxes() -> Iterator[tuple[int, tuple[int, str]]]:
    """Channel id → (account id, what its settings are), of every active mailbox."""
    for account_id in all_account_ids():
        with account_scope(account_id):
            for channel in Channel.scoped().filter(kind="email", is_active=True).only("id", "settings", "secrets", "account_id"):
                kept = json.dumps([channel.settings, channel.secrets], sort_keys=True).encode()
                yield channel.pk, (account_id, hashlib.sha256(kept).hexdigest())
