"""The test of the connection, in words, against real servers."""

import datetime
import socket
import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.utils import translation

from accounts.models import Channel
from config.simulator.mailserver import MailServer
from integrations.channels.email.adapter import EmailAdapter
from integrations.channels.email.connecting import ConnectionCheck, check_connection
from integrations.channels.email.mailbox_settings import settings_of
from tests.integrations.channels.email.conftest import WORD, mailbox_settings
from tests.integrations.channels.email.reading import HOUSE


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


def check(server: MailServer, **changes: Any) -> ConnectionCheck:
    """As the admin's page does, with a channel that is not saved yet."""
    channel = Channel(kind="email", settings=mailbox_settings(server, **changes), secrets={})
    outcome = check_connection(settings_of(channel))
    assert EmailAdapter().check_connection(channel) == outcome.problems
    return outcome


def test_it_works(server: MailServer) -> None:
    assert check(server) == ConnectionCheck(imap="", smtp="")


def test_a_wrong_password(server: MailServer) -> None:
    found = check(server, imap_password="otra", smtp_password=WORD)
    assert found.imap.startswith(f"IMAP: 127.0.0.1 refuses the login of {HOUSE}. Check user and password")
    assert found.smtp == ""


def test_a_wrong_password_of_the_other_side(server: MailServer) -> None:
    found = check(server, smtp_password="otra")
    assert found.imap == ""
    assert found.smtp.startswith(f"SMTP: 127.0.0.1 refuses the login of {HOUSE}.")
    assert found.problems == [found.smtp]


def test_a_password_beyond_ascii(settings: Any) -> None:
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1"]
    with MailServer({HOUSE: "contraseña"}) as server:
        assert check(server, imap_password="contraseña", smtp_password="otra").imap == ""


def test_a_folder_that_is_not_there(server: MailServer) -> None:
    assert check(server, folder="Ventas").imap == "The mailbox has no folder named Ventas."


def test_nobody_listens(server: MailServer) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        assert check(server, imap_port=port).imap == f"IMAP: 127.0.0.1 refuses connections on port {port}. Check the port."


def test_no_such_server(server: MailServer) -> None:
    assert check(server, smtp_host="no-existe.invalid").smtp == "SMTP: the server no-existe.invalid does not exist. Check its name."


def test_a_private_address_needs_the_operators_word(server: MailServer, settings: Any) -> None:
    settings.OUTGOING_HTTP_ALLOW = []
    assert "private network" in check(server).imap
    assert "private network" in check(server).smtp


def test_encryption_that_the_server_does_not_speak(server: MailServer) -> None:
    assert check(server, imap_security="ssl").imap.startswith("IMAP: 127.0.0.1")
    assert check(server, imap_security="starttls").imap.startswith("IMAP: 127.0.0.1 does not speak TLS on port")
    assert check(server, smtp_security="starttls").smtp.startswith("SMTP: 127.0.0.1 does not offer what the settings ask for")
    assert check(server, smtp_security="ssl").smtp.startswith("SMTP: 127.0.0.1")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of 127.0.0.1, which nobody trusts yet."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize("security", ["ssl", "starttls"])
def test_encrypted_with_a_certificate_that_is_checked(
    security: str, certificate: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1"]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with MailServer({HOUSE: WORD}, security=security, ssl_context=context) as server:
        unknown = check(server, imap_security=security, smtp_security=security)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        trusted = check(server, imap_security=security, smtp_security=security)

    assert unknown.imap.startswith("IMAP: the certificate of 127.0.0.1 is not valid")
    assert unknown.smtp.startswith("SMTP: the certificate of 127.0.0.1 is not valid")
    assert trusted == ConnectionCheck(imap="", smtp="")
