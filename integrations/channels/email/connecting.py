"""Connections to the mailbox's servers, and what a person should know when one cannot be made.

Names are resolved and checked by the same rule as outgoing HTTP: a mailbox's server may be in a private network only if the
operator allows it. TLS certificates are always verified.
"""

import contextlib
import imaplib
import smtplib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpcore
from django.utils.translation import gettext as _
from imap_tools import BaseMailBox, ImapToolsError

from integrations import http_client
from integrations.channels.email.charsets import decode, one_line
from integrations.channels.email.mailbox_settings import MailboxSettings, Server

TIMEOUT = 30.0  # seconds for one answer of a server


class CannotConnect(Exception):
    """The server cannot be used now. ``text`` is for people; ``needs_a_person``: waiting does not help (a wrong password)."""

    def __init__(self, text: str, *, needs_a_person: bool = False) -> None:
        super().__init__(text)
        self.text, self.needs_a_person = text, needs_a_person


def _dial(host: str, port: int, timeout: float | None) -> socket.socket:
    """A socket to the first address that answers, of those that may be spoken to."""
    failure: OSError = OSError(f"{host} has no address")
    for address in http_client.resolve(host, port)[:3]:
        try:
            return socket.create_connection((address, port), timeout or TIMEOUT)
        except OSError as error:
            failure = error
    raise failure


class _Imap(imaplib.IMAP4):
    def _create_socket(self, timeout: float | None) -> socket.socket:
        return _dial(self.host, self.port, timeout)


class _ImapOverTls(imaplib.IMAP4_SSL):
    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self.ssl_context.wrap_socket(_dial(self.host, self.port, timeout), server_hostname=self.host)


class _Smtp(smtplib.SMTP):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return _dial(host, port, timeout)


class _SmtpOverTls(smtplib.SMTP_SSL):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self.context.wrap_socket(_dial(host, port, timeout), server_hostname=host)


class Mailbox(BaseMailBox):
    """An IMAP connection of the kind that the settings ask for, not yet logged in."""

    def __init__(self, server: Server) -> None:
        self._server = server
        super().__init__()

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        server = self._server
        if server.security == "ssl":
            return _ImapOverTls(server.host, server.port, ssl_context=ssl.create_default_context(), timeout=TIMEOUT)
        client = _Imap(server.host, server.port, timeout=TIMEOUT)
        if server.security == "starttls":
            try:
                if "STARTTLS" not in client.capabilities:
                    raise ssl.SSLError("STARTTLS is not offered")
                client.starttls(ssl.create_default_context())
            except BaseException:
                # A failed handshake has taken the socket away already.
                with contextlib.suppress(OSError):
                    client.shutdown()
                raise
        return client


@contextlib.contextmanager
def open_mailbox(settings: MailboxSettings) -> Iterator[Mailbox]:
    """A logged-in connection with the folder opened for reading only. Raises ``CannotConnect``; later errors are the library's."""
    with _in_words("IMAP", settings.imap):
        mailbox = Mailbox(settings.imap)
    try:
        try:
            with _in_words("IMAP", settings.imap):
                _log_in(mailbox, settings.imap)
            mailbox.folder.set(settings.folder, readonly=True)
        except (imaplib.IMAP4.error, ImapToolsError) as error:
            text = _("The mailbox has no folder named %(folder)s.") % {"folder": settings.folder}
            raise CannotConnect(text, needs_a_person=True) from error
        yield mailbox
        with contextlib.suppress(OSError, imaplib.IMAP4.error, ImapToolsError):
            mailbox.client.logout()
    finally:
        with contextlib.suppress(OSError):
            mailbox.client.shutdown()


def _log_in(mailbox: Mailbox, server: Server) -> None:
    if (server.user + server.password).isascii():
        mailbox.login(server.user, server.password, initial_folder=None)
    else:
        mailbox.login_utf8(server.user, server.password, initial_folder=None)


@contextlib.contextmanager
def open_smtp(settings: MailboxSettings) -> Iterator[smtplib.SMTP]:
    """A connection ready for MAIL. Raises ``CannotConnect``; later errors are smtplib's."""
    server = settings.smtp
    with _in_words("SMTP", server):
        client = _connect_smtp(server, greeting=settings.domain)
    try:
        yield client
    finally:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            client.quit()
        client.close()


def _connect_smtp(server: Server, *, greeting: str) -> smtplib.SMTP:
    context = ssl.create_default_context()
    client: smtplib.SMTP
    if server.security == "ssl":
        client = _SmtpOverTls(local_hostname=greeting, timeout=TIMEOUT, context=context)
    else:
        client = _Smtp(local_hostname=greeting, timeout=TIMEOUT)
    # starttls() verifies the certificate against this name, which only the constructor would have kept.
    client._host = server.host  # type: ignore[union-attr]
    try:
        code, answer = client.connect(server.host, server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, answer)
        client.ehlo_or_helo_if_needed()
        if server.security == "starttls":
            client.starttls(context=context)
            client.ehlo()
        if server.user:
            client.login(server.user, server.password)
    except BaseException:
        client.close()
        raise
    return client


@contextlib.contextmanager
def _in_words(protocol: str, server: Server) -> Iterator[None]:
    """Turn what goes wrong while connecting into a sentence that helps."""
    where = {"protocol": protocol, "host": server.host, "port": server.port, "security": server.security}
    try:
        yield
    except httpcore.ConnectError as error:
        text = str(error)
        if "private" in text:
            problem = _("%(protocol)s: %(host)s is in a private network. The operator can allow it with HILO_OUTGOING_HTTP_ALLOW.")
        else:
            problem = _("%(protocol)s: the server %(host)s does not exist. Check its name.")
        raise CannotConnect(problem % where) from error
    except ssl.SSLCertVerificationError as error:
        problem = _("%(protocol)s: the certificate of %(host)s is not valid: %(reason)s.")
        raise CannotConnect(problem % {**where, "reason": error.verify_message}) from error
    except ssl.SSLError as error:
        problem = _("%(protocol)s: %(host)s does not speak TLS on port %(port)s this way (%(security)s). Check port and encryption.")
        raise CannotConnect(problem % where) from error
    except TimeoutError as error:
        raise CannotConnect(_("%(protocol)s: %(host)s does not answer on port %(port)s.") % where) from error
    except ConnectionRefusedError as error:
        raise CannotConnect(_("%(protocol)s: %(host)s refuses connections on port %(port)s. Check the port.") % where) from error
    except smtplib.SMTPAuthenticationError as error:
        raise CannotConnect(_refused(protocol, server, error.smtp_error), needs_a_person=True) from error
    except smtplib.SMTPNotSupportedError as error:
        problem = _("%(protocol)s: %(host)s does not offer what the settings ask for (%(security)s, a login). Check port and encryption.")
        raise CannotConnect(problem % where) from error
    except (imaplib.IMAP4.abort, smtplib.SMTPServerDisconnected) as error:
        problem = _("%(protocol)s: %(host)s closed the connection on port %(port)s. Check port and encryption.")
        raise CannotConnect(problem % where) from error
    except (imaplib.IMAP4.error, ImapToolsError) as error:
        raise CannotConnect(_refused(protocol, server, _server_words(error)), needs_a_person=True) from error
    except smtplib.SMTPException as error:
        problem = _("%(protocol)s: %(host)s answered: %(reason)s")
        raise CannotConnect(problem % {**where, "reason": _server_words(error)}) from error
    except (OSError, EOFError) as error:
        problem = _("%(protocol)s: no connection to %(host)s on port %(port)s: %(reason)s.")
        raise CannotConnect(problem % {**where, "reason": error.strerror if isinstance(error, OSError) else ""}) from error


def _refused(protocol: str, server: Server, answer: Any) -> str:
    words = answer if isinstance(answer, str) else decode(bytes(answer or b""))
    problem = _("%(protocol)s: %(host)s refuses the login of %(user)s. Check user and password (or app password). It said: %(answer)s")
    return problem % {"protocol": protocol, "host": server.host, "user": server.user, "answer": one_line(words)[:200]}


def _server_words(error: Exception) -> str:
    """What the server said, out of the ways in which libraries wrap it."""
    result = getattr(error, "command_result", None)
    if isinstance(result, tuple) and len(result) > 1 and isinstance(result[1], list):
        return " ".join(decode(line) for line in result[1] if isinstance(line, bytes))[:300]
    said = getattr(error, "smtp_error", None)
    if isinstance(said, bytes):
        return decode(said)[:300]
    return one_line(str(error))[:300]


@dataclass(frozen=True)
class ConnectionCheck:
    """The outcome of a test; an empty text means that this side works."""

    imap: str
    smtp: str

    @property
    def problems(self) -> list[str]:
        """What does not work, in words; empty when everything does."""
        return [problem for problem in (self.imap, self.smtp) if problem]


def check_connection(settings: MailboxSettings) -> ConnectionCheck:
    """Log in on both sides, read and send nothing. Takes up to a minute where a server does not answer."""
    problems = {"imap": "", "smtp": ""}
    for side, opened in (("imap", open_mailbox), ("smtp", open_smtp)):
        try:
            with opened(settings):
                pass
        except CannotConnect as problem:
            problems[side] = problem.text
    return ConnectionCheck(**problems)
