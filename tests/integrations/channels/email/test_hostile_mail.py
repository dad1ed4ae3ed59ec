"""Whatever bytes arrive, parsing gives parts or says that they are unreadable."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.adapters import InboundMessage, UnreadableEvent
from tests.integrations.channels.email.reading import MAILS, mail, message_of, parts_of, raw_of

NAMES = sorted(path.stem for path in MAILS.glob("*.eml"))


def read(raw: bytes) -> None:
    """Parse, and hold every text to what PostgreSQL can store."""
    try:
        parts = parts_of(raw)
    except UnreadableEvent:
        return
    for part in parts:
        texts = [part.provider_id]  # type: ignore[union-attr]
        if isinstance(part, InboundMessage):
            names = [name for file in part.files for name in (file.name, file.content_type, file.content_id)]
            texts += [part.body, part.html, part.folded, part.subject, part.sender.value, *names, str(part.payload), str(part.raw)]
            assert len(part.sender.value) <= 254
            assert len(part.provider_id) <= 400
            assert all(len(file.name) <= 255 and len(file.content_type) <= 120 and len(file.content_id) <= 255 for file in part.files)
            assert part.folded in part.body
        for text in texts:
            assert "\x00" not in text
            text.encode("utf-8")


@given(
    name=st.sampled_from(NAMES), changes=st.lists(st.tuples(st.integers(0, 5000), st.binary(max_size=6), st.integers(0, 40)), max_size=8)
)
def test_mutated_mails_never_raise_anything_else(name: str, changes: list[tuple[int, bytes, int]]) -> None:
    raw = raw_of(name)
    for place, inserted, removed in changes:
        place %= len(raw) + 1
        raw = raw[:place] + inserted + raw[place + removed :]
    read(raw)


@given(name=st.sampled_from(NAMES), lines=st.randoms(use_true_random=False))
def test_shuffled_lines_never_raise_anything_else(name: str, lines: object) -> None:
    parts = raw_of(name).split(b"\n")
    lines.shuffle(parts)  # type: ignore[attr-defined]
    read(b"From: ana@cliente.test\n" + b"\n".join(parts))


@given(st.binary(max_size=400))
def test_noise_never_raises_anything_else(noise: bytes) -> None:
    read(noise)
    read(b"From: ana@cliente.test\nContent-Type: " + noise)
    read(b"From: " + noise + b"\nContent-Type: text/html\n\n" + noise)


FIELDS = ["From", "To", "Subject", "Date", "Message-ID", "References", "Content-Type", "Content-Disposition", "Content-Transfer-Encoding"]


@given(st.lists(st.tuples(st.sampled_from(FIELDS), st.text(max_size=60)), max_size=8))
def test_odd_headers_never_raise_anything_else(fields: list[tuple[str, str]]) -> None:
    written = "".join(f"{name}: {value}\n" for name, value in fields)
    read(f"From: ana@cliente.test\n{written}\nHola".encode("utf-8", "surrogatepass"))


def nested(depth: int) -> bytes:
    opening = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level) for level in range(depth))
    return b"From: ana@cliente.test\n" + opening + b"Content-Type: text/plain\n\nfondo\n"


@pytest.mark.parametrize("raw", [nested(60), nested(280), nested(2000)], ids=["60", "280", "2000"])
def test_nesting_is_read_as_far_as_it_goes(raw: bytes) -> None:
    message = message_of(raw)
    assert "fondo" in message.body


def test_nesting_without_end_is_cut() -> None:
    message = message_of(nested(20_000))
    assert len(message.body) < 210_000
    assert len(message.payload["left_out"]) == 2


def test_a_mail_in_a_mail_in_a_mail() -> None:
    raw = "From: ana@cliente.test\n" + "Content-Type: message/rfc822\n\n" * 500 + "fondo"
    assert message_of(raw).sender.value == "ana@cliente.test"


@pytest.mark.parametrize(
    "raw",
    [
        mail("El " * 200_000 + "escribió"),
        mail("> a\n" * 100_000),
        mail("<p>" * 100_000, Content_Type="text/html"),
        mail("<img alt=" * 50_000, Content_Type="text/html"),
        mail("<ul><li>" * 100_000, Content_Type="text/html"),
        mail("<div>" * 900 + "<b>" * 200_000, Content_Type="text/html"),
        mail("&lt;" * 200_000, Content_Type="text/html"),
        mail(From="ana@cliente.test, " * 20_000),
        mail(From="a" * 200_000),
        mail(From="((((" * 50_000 + "ana@cliente.test"),
        mail(Subject="=?utf-8?Q?" * 50_000),
        mail(References="<" * 100_000),
        mail(Content_Type="text/plain; " + "a=b;" * 50_000),
        mail(Content_Type='text/plain; charset="' + "\\" * 100_000),
    ],
    ids=range(14),
)
def test_no_mail_keeps_a_worker_busy(raw: str) -> None:
    began = time.process_time()
    read(raw.encode())
    assert time.process_time() - began < 5
