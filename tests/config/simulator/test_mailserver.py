"""The loop-back mail server behaves like one: mail by SMTP appears in IMAP, a login relays, wrong words are refused."""

import smtplib
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from imap_tools import MailboxLoginError, MailBoxUnencrypted

from config.simulator.mailserver import MailServer

HOUSE, WORD = "hola@andes.test", "clave"


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with MailServer({HOUSE: WORD}) as running:
        yield running


def mail(to: str = HOUSE, subject: str = "Consulta") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ana@cliente.test", to, subject
    message.set_content("¿Tienen stock?")
    return message


def submit(server: MailServer, message: EmailMessage, *, word: str = WORD) -> None:
    with smtplib.SMTP(server.host, server.smtp_port, timeout=10) as client:
        client.login(HOUSE, word)
        client.send_message(message, from_addr=HOUSE)


def test_mail_appears_in_imap_while_a_client_idles(server: MailServer) -> None:
    with MailBoxUnencrypted(server.host, server.imap_port, timeout=10).login(HOUSE, WORD) as client:
        client.idle.start()
        server.send(mail(subject="Llega sola"), sender="ana@cliente.test", to=HOUSE)
        pushed = client.idle.poll(timeout=10)
        client.idle.stop()
        assert any(b"EXISTS" in line for line in pushed)
        assert [found.subject for found in client.fetch(mark_seen=False)][-1] == "Llega sola"


def test_the_house_writes_to_the_world_after_a_login(server: MailServer) -> None:
    submit(server, mail(to="ana@cliente.test", subject="Respuesta"))
    sent = server.wait_for_outgoing(lambda found: b"Respuesta" in found.raw)
    assert (sent.sender, sent.recipients) == (HOUSE, ("ana@cliente.test",))


def test_no_login_no_relay(server: MailServer) -> None:
    before = len(server.outgoing)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        server.send(mail(to="otra@cliente.test"), sender="ana@cliente.test", to="otra@cliente.test")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        submit(server, mail(to="ana@cliente.test"), word="otra")
    with MailBoxUnencrypted(server.host, server.imap_port, timeout=10) as client, pytest.raises(MailboxLoginError):
        client.login(HOUSE, "otra")
    assert len(server.outgoing) == before


def test_a_mail_that_bounces_comes_back_as_a_report(server: MailServer) -> None:
    server.bouncing.add("nadie@cliente.test")
    submit(server, mail(to="nadie@cliente.test"))
    report = message_from_bytes(server.mailboxes[HOUSE][-1], policy=policy.default)
    assert report.get_content_type() == "multipart/report"
    assert report["Return-Path"] == "<>"


def test_a_rebuilt_mailbox_has_the_same_mails_under_a_new_uidvalidity() -> None:
    with MailServer({HOUSE: WORD}) as server:
        server.deliver(mail().as_bytes(), to=HOUSE)
        with MailBoxUnencrypted(server.host, server.imap_port, timeout=10).login(HOUSE, WORD) as client:
            before = client.folder.status("INBOX", ["UIDVALIDITY", "MESSAGES"])
        server.rebuild(HOUSE)
        with MailBoxUnencrypted(server.host, server.imap_port, timeout=10).login(HOUSE, WORD) as client:
            after = client.folder.status("INBOX", ["UIDVALIDITY", "MESSAGES"])
    assert after["MESSAGES"] == before["MESSAGES"] == 1
    assert after["UIDVALIDITY"] != before["UIDVALIDITY"]


def test_it_starts_again_with_its_mails() -> None:
    server = MailServer({HOUSE: WORD})
    with server:
        server.deliver(mail().as_bytes(), to=HOUSE)
    with server, MailBoxUnencrypted(server.host, server.imap_port, timeout=10).login(HOUSE, WORD) as client:
        assert len(client.uids()) == 1


def test_a_port_in_use_is_said() -> None:
    with MailServer({HOUSE: WORD}) as server, pytest.raises(OSError, match="address already in use"):
        MailServer({HOUSE: WORD}, imap_port=server.imap_port).start()
