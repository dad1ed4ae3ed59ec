"""Outgoing mail: whole, threaded, and with nothing smuggled in."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.channels.email.composing import Draft, OutgoingFile, answer_subject, compose
from integrations.channels.email.mailbox_settings import MailboxSettings, Server
from tests.integrations.channels.email.reading import our_id

SIDE = Server(host="mx.andes.test", port=25, security="none", user="u", password="p")
SETTINGS = MailboxSettings(address="hola@andes.test", from_name="Tienda Ñandú", folder="INBOX", authserv_id="", imap=SIDE, smtp=SIDE)


def draft(**changes: Any) -> Draft:
    facts = {"recipient": "ana@cliente.test", "subject": "Re: Consulta", "body": "Hola <Ana>\nVea https://andes.test/a?b=1&c=2.", **changes}
    return Draft(message_id=our_id(), written_at=datetime(2026, 11, 20, 15, tzinfo=UTC), **facts)


def as_received(mail: EmailMessage) -> EmailMessage:
    return message_from_bytes(mail.as_bytes().replace(b"\r\n", b"\n"), policy=policy.default)  # type: ignore[return-value]


def test_a_whole_mail() -> None:
    mail = as_received(compose(draft(answers="<a2@cliente.test>", references=("<a1@cliente.test>",)), SETTINGS))

    assert {name: str(mail[name]) for name in ("From", "Reply-To", "To", "Subject", "Message-ID", "In-Reply-To", "References", "Date")} == {
        "From": "Tienda Ñandú <hola@andes.test>",
        "Reply-To": "Tienda Ñandú <hola@andes.test>",
        "To": "ana@cliente.test",
        "Subject": "Re: Consulta",
        "Message-ID": f"<{our_id()}>",
        "In-Reply-To": "<a2@cliente.test>",
        "References": f"<a1@cliente.test> <a2@cliente.test> <{our_id().replace('hilo.m.', 'hilo.t.')}>",
        "Date": "Fri, 20 Nov 2026 15:00:00 +0000",
    }
    assert mail["Auto-Submitted"] is None
    plain, rich = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert rich is not None
    assert plain.get_content() == "Hola <Ana>\nVea https://andes.test/a?b=1&c=2.\n"
    assert rich.get_content() == (
        "<!doctype html><html><body><p>Hola &lt;Ana&gt;<br>Vea "
        '<a href="https://andes.test/a?b=1&amp;c=2">https://andes.test/a?b=1&amp;c=2</a>.</p></body></html>\n'
    )


def test_a_bot_says_what_it_is() -> None:
    mail = compose(draft(is_automatic=True), SETTINGS)
    assert (mail["Auto-Submitted"], mail["X-Auto-Response-Suppress"]) == ("auto-replied", "All")


def test_files_travel_whole() -> None:
    files = (
        OutgoingFile(name="cotización nº 4.pdf", content_type="application/pdf", content=b"%PDF \x00\xff"),
        OutgoingFile(name="carta.eml", content_type="message/rfc822", content=b"From: x"),
        OutgoingFile(name="", content_type="raro", content=b""),
    )
    found = list(as_received(compose(draft(files=files), SETTINGS)).iter_attachments())
    assert [(part.get_filename(), part.get_content_type(), part.get_payload(decode=True)) for part in found] == [
        ("cotización nº 4.pdf", "application/pdf", b"%PDF \x00\xff"),
        ("carta.eml", "application/octet-stream", b"From: x"),
        (None, "application/octet-stream", b""),
    ]


def test_a_domain_beyond_ascii_is_written_as_dns_knows_it() -> None:
    mail = compose(draft(recipient="jose@ñandú.cl"), SETTINGS)
    assert str(mail["To"]) == "jose@xn--and-6ma2c.cl"


def test_a_local_part_beyond_ascii_needs_utf8() -> None:
    raw = compose(draft(recipient="josé@cliente.test"), SETTINGS).as_bytes()
    assert "To: josé@cliente.test\r\n".encode() in raw


@pytest.mark.parametrize("address", ["", "ana", "ana@", "@cliente.test", "ana@cliente.test\r\nBcc: x@y.test", "a b@cliente.test"])
def test_no_address_no_mail(address: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        compose(draft(recipient=address), SETTINGS)


@given(subject=st.text(), body=st.text(), reference=st.text(max_size=60), name=st.text(max_size=60))
def test_nothing_is_smuggled_into_the_headers(subject: str, body: str, reference: str, name: str) -> None:
    files = (OutgoingFile(name=name, content_type=name, content=b"x"),)
    mail = compose(draft(subject=subject, body=body, answers=reference, references=(reference,), files=files), SETTINGS)

    raw = mail.as_bytes()
    received = as_received(mail)
    assert raw.isascii()
    assert all(len(line) < 999 for line in raw.split(b"\r\n"))
    allowed = {"Message-ID", "Date", "From", "Reply-To", "To", "Subject", "In-Reply-To", "References", "MIME-Version", "Content-Type"}
    assert set(received.keys()) <= allowed
    assert len(received.keys()) == len(set(received.keys()))
    assert str(received["To"]) == "ana@cliente.test"


@pytest.mark.parametrize(
    ("subject", "answer"),
    [
        ("Consulta", "Re: Consulta"),
        ("Re: Consulta", "Re: Consulta"),
        ("RE: RV: Res: Re[2]: Consulta", "Re: Consulta"),
        ("  fwd:  Consulta ", "Re: Consulta"),
        ("Reclamo: urgente", "Re: Reclamo: urgente"),
        ("", "Re:"),
    ],
)
def test_one_mark_of_an_answer(subject: str, answer: str) -> None:
    assert answer_subject(subject) == answer
