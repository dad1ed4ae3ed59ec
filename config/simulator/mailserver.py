"""A mail server in one process: SMTP in front, IMAP with IDLE behind, mailboxes in memory.

Mail that arrives by SMTP for one of its mailboxes appears in IMAP at once; mail for anybody else, which needs a login, goes
to ``on_outgoing`` and is kept in ``outgoing``: that is what customers receive. Both servers run on one event loop in a thread
of their own, so that tests, the simulator and a command line can start and stop it alike.
"""

import asyncio
import logging
import smtplib
import ssl
import threading
import uuid
from argparse import Namespace
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from proxyprotocol.result import ProxyResultLocal
from proxyprotocol.sock import SocketInfo
from pymap.backend.dict import Config, Identity, Login
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage
from pymap.user import UserMetadata
from pysasl.hashing import BuiltinHash

NAME = "mail.simulator"
# Every command of every session; a demo's terminal is for other things.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class OutgoingMail:
    """One mail as a customer's server takes it: the envelope and the raw bytes."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes


class _MemoryConfig(Config):
    @property
    def greeting(self) -> bytes:
        return b"Server ready " + NAME.encode()  # the library asks DNS for the machine's name


class _Door:
    """What the SMTP server asks: who may send, to whom, and where it goes."""

    def __init__(self, server: "MailServer") -> None:
        self.server = server

    async def handle_RCPT(self, _smtp: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if address.lower() in self.server.refusals:
            return self.server.refusals[address.lower()]
        if not self.server.has_mailbox(address) and not session.authenticated:
            return "550 5.7.1 Relaying needs a login"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _smtp: SMTP, session: Session, envelope: Envelope) -> str:
        raw = envelope.original_content or b""
        await self.server._accept(sender=envelope.mail_from or "", recipients=envelope.rcpt_tos, raw=raw)
        return "250 2.0.0 Accepted"

    def authenticate(self, _smtp: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object) -> AuthResult:
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else ("", "")
        success = self.server.passwords.get(given[0].lower()) == given[1]
        return AuthResult(success=success, handled=False)


class MailServer:
    """Mailboxes (address → password) that can be written to by SMTP and read by IMAP.

    ``security`` is ``none``, ``starttls`` or ``ssl`` and holds for both ports; the last two need ``ssl_context``. Ports given
    as 0 are chosen by the system and known after ``start``. Every method may be called from any thread.
    """

    def __init__(
        self,
        mailboxes: Mapping[str, str],
        *,
        host: str = "127.0.0.1",
        imap_port: int = 0,
        smtp_port: int = 0,
        security: str = "none",
        ssl_context: ssl.SSLContext | None = None,
        on_outgoing: Callable[[OutgoingMail], None] | None = None,
    ) -> None:
        self.host, self.imap_port, self.smtp_port = host, imap_port, smtp_port
        self.passwords = {address.lower(): password for address, password in mailboxes.items()}
        # What each mailbox holds, oldest first, byte for byte.
        self.mailboxes: dict[str, list[bytes]] = {}
        # Address → SMTP answer: refused while the sender is still connected.
        self.refusals: dict[str, str] = {}
        # Addresses whose mail is taken and comes back with a delivery report (RFC 3464).
        self.bouncing: set[str] = set()
        self.outgoing: list[OutgoingMail] = []
        self.on_outgoing = on_outgoing
        self._security, self._ssl_context = security, ssl_context
        self._arrived = threading.Condition()
        self._connections: set[asyncio.StreamWriter] = set()
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Listen on both ports; returns when they do. Raises what the sockets raise (a port in use)."""
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), name="mail-server", daemon=True)
        self._thread.start()
        ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        """Close every connection. ``start`` serves the same mailboxes again, under a new UIDVALIDITY."""
        if self._thread is None or not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def has_mailbox(self, address: str) -> bool:
        return address.lower() in self.passwords

    def add_mailbox(self, address: str, password: str) -> None:
        self.passwords[address.lower()] = password
        self._run(self._open_mailbox(address.lower(), password))

    def deliver(self, raw: bytes, *, to: str, sender: str = "", trace: bool = True) -> None:
        """Put a mail into a mailbox as if it had come by SMTP; without ``trace``, byte for byte."""
        self._run(self._append(to.lower(), _traced(raw, sender=sender, to=to) if trace else raw))

    def rebuild(self, address: str) -> None:
        """Serve the same mails under a new UIDVALIDITY, as a server does that lost its index."""
        self._run(self._rebuild(address.lower()))

    def drop_connections(self) -> None:
        """Cut every IMAP connection, as a restart or a firewall does."""
        self._run(self._drop())

    def wait_for_outgoing(self, match: Callable[[OutgoingMail], bool], *, timeout: float = 10) -> OutgoingMail:
        """The first outgoing mail that ``match`` accepts. Raises ``TimeoutError`` after ``timeout`` seconds."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: any(match(mail) for mail in self.outgoing), timeout):
                raise TimeoutError(f"No such mail among {len(self.outgoing)} outgoing ones.")
            return next(mail for mail in self.outgoing if match(mail))

    def send(self, message: EmailMessage | bytes, *, sender: str, to: str) -> None:
        """Write to one of the mailboxes from outside, through the SMTP door. Raises ``smtplib.SMTPException``."""
        raw = message if isinstance(message, bytes) else message.as_bytes()
        with smtplib.SMTP(self.host, self.smtp_port, timeout=10) if self._security != "ssl" else self._smtp_ssl() as client:
            client.sendmail(sender, [to], raw)

    def _smtp_ssl(self) -> smtplib.SMTP:
        return smtplib.SMTP_SSL(self.host, self.smtp_port, timeout=10, context=ssl.create_default_context())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _serve(self, ready: threading.Event) -> None:
        self._failure = None
        try:
            self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
            imap, smtp = await self._listen()
        except BaseException as failure:
            self._failure = failure
            return
        finally:
            ready.set()
        await self._stopping.wait()
        for server in (imap, smtp):
            server.close()
        running = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _listen(self) -> tuple[asyncio.Server, asyncio.Server]:
        arguments = Namespace(passlib_cfg=None, proxy_protocol=None)
        self._config = _MemoryConfig(
            arguments,
            host=self.host,
            port=self.imap_port,
            demo_data=False,
            demo_user="",
            demo_password="",
            tls_enabled=self._security == "starttls",
            ssl_context=self._ssl_context,
            hash_context=BuiltinHash(rounds=1),
            invalid_user_sleep=0,
        )
        self._config.apply_context()
        self._login = Login(self._config)
        for address, password in self.passwords.items():
            await self._open_mailbox(address, password)
        around = self._ssl_context if self._security == "ssl" else None
        self._imap = IMAPServer(self._login, self._config)
        imap = await asyncio.start_server(self._serve_imap, host=self.host, port=self.imap_port, ssl=around)
        smtp = await self._loop.create_server(self._smtp_protocol, host=self.host, port=self.smtp_port, ssl=around)
        self.imap_port = imap.sockets[0].getsockname()[1]
        self.smtp_port = smtp.sockets[0].getsockname()[1]
        return imap, smtp

    def _smtp_protocol(self) -> SMTP:
        door = _Door(self)
        return SMTP(
            door,
            hostname=NAME,
            ident="Simulator",
            enable_SMTPUTF8=True,
            tls_context=self._ssl_context if self._security == "starttls" else None,
            auth_require_tls=False,
            authenticator=door.authenticate,
            loop=self._loop,
        )

    async def _serve_imap(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            with suppress(ConnectionError):
                await self._imap(reader, writer, SocketInfo.get(writer, ProxyResultLocal(), unique_id=uuid.uuid4().bytes))
        finally:
            self._connections.discard(writer)

    async def _drop(self) -> None:
        for writer in list(self._connections):
            writer.transport.abort()

    async def _open_mailbox(self, address: str, password: str) -> None:
        kept = self._config.hash_context.hash(password)
        await self._identity(address).set(UserMetadata(self._config, address, password=kept))
        for raw in self.mailboxes.setdefault(address, []):
            await self._show(address, raw)

    async def _append(self, address: str, raw: bytes) -> None:
        self.mailboxes[address].append(raw)
        await self._show(address, raw)

    async def _show(self, address: str, raw: bytes) -> None:
        async with self._identity(address).new_session() as session:
            inbox = await session.mailbox_set.get_mailbox("INBOX")
            await inbox.append(AppendMessage(raw, datetime.now(UTC), frozenset()), recent=True)

    async def _rebuild(self, address: str) -> None:
        self._config.set_cache.pop(address, None)
        for raw in self.mailboxes[address]:
            await self._show(address, raw)
        await self._drop()

    def _identity(self, address: str) -> Identity:
        return Identity(address, self._login, None, frozenset())

    async def _accept(self, *, sender: str, recipients: list[str], raw: bytes) -> None:
        abroad = []
        for address in recipients:
            if address.lower() in self.bouncing:
                if self.has_mailbox(sender):
                    await self._append(sender.lower(), _delivery_report(raw, sender=sender, failed=address))
            elif self.has_mailbox(address):
                await self._append(address.lower(), _traced(raw, sender=sender, to=address))
            else:
                abroad.append(address)
        if not abroad:
            return
        mail = OutgoingMail(sender=sender, recipients=tuple(abroad), raw=raw)
        with self._arrived:
            self.outgoing.append(mail)
            self._arrived.notify_all()
        if self.on_outgoing is not None:
            await asyncio.to_thread(self.on_outgoing, mail)


def _traced(raw: bytes, *, sender: str, to: str) -> bytes:
    """The mail with the headers that a server puts on top when it delivers."""
    now = format_datetime(datetime.now(UTC))
    trace = (
        f"Return-Path: <{sender}>\r\nDelivered-To: {to}\r\n"
        f"Received: from client by {NAME} with ESMTP id {uuid.uuid4().hex[:12]}\r\n for <{to}>; {now}\r\n"
    )
    return trace.encode() + raw


def _delivery_report(raw: bytes, *, sender: str, failed: str) -> bytes:
    """What a mail server sends back when an address does not exist: RFC 3464 inside RFC 6522."""
    boundary = uuid.uuid4().hex
    headers = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode("utf-8", "replace")
    postmaster = Address("Mail Delivery System", "mailer-daemon", NAME)
    return (
        f"Return-Path: <>\nFrom: {postmaster}\nTo: {sender}\nSubject: Undelivered Mail Returned to Sender\n"
        f"Date: {format_datetime(datetime.now(UTC))}\nMessage-ID: <{uuid.uuid4().hex}@{NAME}>\nAuto-Submitted: auto-replied\n"
        f'MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary="{boundary}"\n\n'
        f"--{boundary}\nContent-Type: text/plain; charset=utf-8\n\nYour message to <{failed}> could not be delivered.\n\n"
        f"--{boundary}\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; {NAME}\n\n"
        f"Final-Recipient: rfc822; {failed}\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 No such user\n\n"
        f"--{boundary}\nContent-Type: text/rfc822-headers\n\n{headers}\n\n--{boundary}--\n"
    ).encode()
