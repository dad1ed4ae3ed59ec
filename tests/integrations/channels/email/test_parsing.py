"""Recorded mails in, whole messages out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbox.adapters import StatusUpdate, UnreadableEvent
from tests.integrations.channels.email.reading import ARRIVED, HOUSE, MAILS, forged_id, mail, message_of, our_id, parts_of, raw_of

WRITTEN = datetime(2026, 11, 20, 14, 59, tzinfo=UTC)

# name → (sender, name claimed, subject, body without what is folded, what is folded begins with)
LETTERS: dict[str, tuple[str, str, str, str, str]] = {
    "gmail_es": (
        "ana@cliente.test",
        "Ana Pérez",
        "Re: Cotización de repuestos",
        "Perfecto, ¿me lo envían el jueves?\n\nGracias\nAna",
        "El vie, 20 nov 2026 a las 10:12, Tienda Andes (<hola@andes.test>)\nescribió:",
    ),
    "gmail_pt": (
        "joao@cliente.test",
        "João Silva",
        "Re: Orçamento",
        "Pode ser na sexta-feira, obrigado!",
        "Em sex., 20 de nov. de 2026 às 10:12, Tienda Andes <hola@andes.test> escreveu:",
    ),
    "outlook_es": (
        "ivan@empresa.test",
        "Muñoz, Iván",
        "RE: Pedido nº 45 – urgente",
        "Buenas tardes:\n\nConfirmo la dirección. El total serían 300 €, ¿verdad?\n\nIván Muñoz",
        "________________________________\nDe: Tienda Andes <hola@andes.test>\nEnviado:",
    ),
    "outlook_pt": (
        "marta@cliente.test",
        "Marta",
        "RES: Troca",
        "Está bem, obrigada – aguardo.",
        "-----Mensagem original-----\nDe: Tienda Andes",
    ),
    "apple_es": (
        "luz@cliente.test",
        "Luz",
        "Re: Horario",
        "Hola, prefiero pasar por la tienda en la mañana porque por la tarde trabajo.\n\nLuz",
        "> El 20 nov 2026, a las 10:12, Tienda Andes <hola@andes.test> escribió:\n> \n> ¿A qué hora le acomoda?",
    ),
    "apple_pt": (
        "rui@cliente.test",
        "Rui",
        "Re: Marcação",
        "Sim, confirmo.\n\nEnviado do meu iPhone",
        "No dia 20/11/2026, às 10:12, Tienda Andes <hola@andes.test> escreveu:",
    ),
    "forward_es": ("eva@cliente.test", "Eva", "Fwd: Factura", "Les reenvío lo que me llegó.", "---------- Forwarded message"),
    "interleaved": (
        "eva@cliente.test",
        "Eva",
        "Re: Dos preguntas",
        "El vie, 20 nov 2026 a las 10:12, Tienda Andes escribió:\n> ¿Talla?\nM\n> ¿Color?\nRojo, por favor.",
        "",
    ),
    "utf8_called_latin1": ("ana@cliente.test", "Ana Pérez", "Consulta", "¿Cuánto cuesta el envío a Ñuñoa?", ""),
    "cp1252_called_ascii": ("ana@cliente.test", "Ana", "Consulta", "“Comillas” – guion y 20 €", ""),
    "cp1252_called_utf8": ("ana@cliente.test", "Ana", "Consulta", "Señor, ¿está ahí?", ""),
    "unknown_charset": ("ana@cliente.test", "Ana", "Consulta", "Mañana está bien", ""),
    "utf7": ("ana@cliente.test", "Ana", "Consulta", "Mañana ¿sí?", ""),
    "utf16": ("ana@cliente.test", "Ana", "Consulta", "Año nuevo", ""),
    "gb2312": ("li@cliente.test", "Li", "Consulta", "你好，价格？", ""),
    "iso2022jp": ("yamada@cliente.test", "山田", "Consulta", "在庫はありますか", ""),
    "raw_8bit_headers": ("inigo@cliente.test", "Íñigo Núñez", "Dirección de despacho", "Hola", ""),
    "encoded_words_cut_in_a_character": ("pena@cliente.test", "Peña", "Camisón 😀 y mañana¡", "Hola", ""),
    "quoted_encoded_name": ("pepe@cliente.test", 'José "Pepe" Soto', "hola", "Hola", ""),
    "name_is_address": ("ana@cliente.test", "", "hola", "Hola", ""),
    "no_message_id": ("ana@cliente.test", "Ana", "sin id", "Sin identificador", ""),
    "injected_header": ("ana@cliente.test", "Ana", "Hola Bcc: todos@andes.test", "Hola", ""),
    "nul_and_controls": ("ana@cliente.test", "Ana", "abc", "Hola mundo[31m", ""),
    "long_message_id": ("ana@cliente.test", "Ana", "", "Hola", ""),
    "missing_end_boundary": ("ana@cliente.test", "Ana", "Consulta", "Se cortó aquí", ""),
    "multipart_without_boundary": ("ana@cliente.test", "Ana", "Consulta", "Texto sin partes", ""),
    "broken_base64": ("ana@cliente.test", "Ana", "Consulta", "Hola mundo", ""),
    "unknown_encoding": ("ana@cliente.test", "Ana", "Consulta", "Texto tal cual", ""),
    "odd_content_type": ("ana@cliente.test", "Ana", "Consulta", "Texto con tipo raro", ""),
    "says_little_in_plain": (
        "ana@cliente.test",
        "Ana",
        "Consulta",
        "Necesito cambiar la dirección de despacho de mi pedido porque me mudé de casa la semana pasada a otra comuna.",
        "",
    ),
    "html_only": (
        "ana@cliente.test",
        "Ana",
        "Consulta",
        "Hola equipo,\n\nPrecio: ver malo\n\n- uno\n- dos\n\nfoto\nrojo\nazul\nsvg",
        "",
    ),
    "apple_text_image_text": ("ana@cliente.test", "Ana", "Consulta", "Antes de la foto\n\nDespués de la foto", ""),
    "inline_image_and_files": ("ana@cliente.test", "Ana", "Fotos", "Mira:", ""),
    "attested": ("ana@cliente.test", "Ana", "Consulta", "Hola", ""),
    "attested_by_a_stranger": ("ana@cliente.test", "Ana", "Consulta", "Hola", ""),
    "signed_by_another_domain": ("ana@cliente.test", "Ana", "Consulta", "Hola", ""),
    "vacation": ("ana@cliente.test", "Ana", "Fuera de la oficina", "Vuelvo el lunes.", ""),
    "asks_for_no_automatic_answer": ("ana@cliente.test", "Ana", "Consulta", "Soy una persona con Outlook.", ""),
    "mailing_list": ("carla@cliente.test", "Carla Ruiz", "Consulta", "Hola a todos", ""),
    "contact_form": ("pedro@cliente.test", "Pedro Rojas", "Consulta", "Quiero una cotización", ""),
    "no_reply_pipe": ("sonia@cliente.test", "Sonia", "Consulta", "Consulta por su aviso", ""),
    "reply_to_elsewhere": ("ana@cliente.test", "Ana", "Consulta", "Respondan a la oficina", ""),
    "spoofed_own_address": (HOUSE, "Andes", "Consulta", "Tengo tu contraseña", ""),
    "own_mail_from_another_program": ("ana@cliente.test", "Ana", "Consulta", "Le respondo desde mi programa", ""),
    "bounce_of_somebody_else": ("MAILER-DAEMON@mx.cliente.test", "", "Undelivered", "No such user.", ""),
}
# Without a date that can be: the server's time.
UNDATED = {"no_date_no_subject", "wrong_date", "future_date", "only_envelope_sender"}
REPORTS = {"bounce_rfc3464", "bounce_delayed", "bounce_qmail", "read_receipt", "complaint_arf"}


def test_every_recorded_mail_is_expected_somewhere() -> None:
    assert {path.stem for path in MAILS.glob("*.eml")} == set(LETTERS) | UNDATED | REPORTS | {"no_from"}


@pytest.mark.parametrize("name", LETTERS)
def test_letter(name: str) -> None:
    sender, person, subject, body, folded = LETTERS[name]

    message = message_of(raw_of(name))

    assert (message.sender.kind, message.sender.value) == ("email", sender)
    assert dict(message.claim.given) == ({"name": person} if person else {})
    assert (message.subject, message.payload["subject"]) == (subject, subject)
    assert message.body.startswith(body)
    assert message.body[len(body) :].strip("\n") == message.folded
    assert message.folded.startswith(folded)
    assert bool(message.folded) == bool(folded)
    assert message.occurred_at == WRITTEN


@pytest.mark.parametrize("name", sorted(UNDATED))
def test_a_date_that_cannot_be_is_the_servers(name: str) -> None:
    assert message_of(raw_of(name)).occurred_at == ARRIVED


def test_a_mail_that_waited_days_counts_from_its_arrival() -> None:
    waited = message_of(mail(Date=f"{ARRIVED - timedelta(days=3):%a, %d %b %Y %H:%M:%S} +0000"))
    assert waited.occurred_at == ARRIVED


def test_no_sender_is_unreadable() -> None:
    with pytest.raises(UnreadableEvent):
        parts_of(raw_of("no_from"))


def test_files_keep_their_names_and_lose_their_paths() -> None:
    message = message_of(raw_of("inline_image_and_files"))

    assert [(file.name, file.content_type, file.content_id) for file in message.files] == [
        ("foto pequeña.png", "image/png", "foto1@ana"),
        ("factura nº 45.pdf", "application/pdf", ""),
        ("passwd", "application/octet-stream", ""),
        (message.files[3].name, "text/calendar", ""),
        ("winmail.dat", "application/ms-tnef", ""),
        ("El original.eml", "message/rfc822", ""),
        ("notas.txt", "text/plain", ""),
    ]
    assert message.files[3].name.endswith(".ics")
    assert [file.content for file in message.files][1:3] == [b"%PDF-1.4 falso", b"root"]
    assert b"Texto original" in (message.files[5].content or b"")
    assert message.html == '<p>Mira: <img src="cid:foto1@ana"></p>'


def test_a_file_that_is_too_large_is_named_in_the_text() -> None:
    import base64

    large = base64.encodebytes(b"x" * (1024 * 1024 + 1)).decode()
    raw = mail(
        f"--b\nContent-Type: text/plain\n\nVa el plano\n--b\nContent-Type: application/pdf; name=plano.pdf\n"
        f"Content-Transfer-Encoding: base64\n\n{large}\n--b--",
        Content_Type="multipart/mixed; boundary=b",
    )

    message = message_of(raw)

    assert message.files == ()
    assert message.body.startswith("Va el plano\n\n[")
    assert "plano.pdf" in message.body
    assert len(message.payload["left_out"]) == 1


def test_a_mail_that_was_cut_says_so() -> None:
    message = message_of(mail("Hola"), cut=True, size=50 * 1024 * 1024)
    assert message.body.startswith("Hola\n\n[")
    assert "50" in message.body


@pytest.mark.parametrize(("name", "certainty"), [("attested", "attested"), ("attested_by_a_stranger", "claimed"), ("gmail_es", "claimed")])
def test_a_sender_is_attested_by_our_own_server_only(name: str, certainty: str) -> None:
    message = message_of(raw_of(name))
    assert [(found.kind, found.certainty) for found in message.claim.identifiers] == [("email", certainty)]


def test_only_the_topmost_verdict_counts_and_only_for_the_senders_domain() -> None:
    assert message_of(raw_of("signed_by_another_domain")).claim.identifiers[0].certainty == "claimed"


def test_what_is_answered_our_own_first_then_from_near_to_far() -> None:
    token = our_id().replace("hilo.m.", "hilo.t.")
    message = message_of(mail(In_Reply_To="<their-relay@x>", References=f"<first@x> <{token}> <last@x>"))
    assert message.reply_to == (f"<{our_id()}>", "<their-relay@x>", "<last@x>", "<first@x>")
    assert message.reply_is_claimed


def test_a_made_up_token_is_no_token() -> None:
    forged = forged_id().replace("hilo.m.", "hilo.t.")
    assert f"<{our_id()}>" not in message_of(mail(In_Reply_To=f"<{forged}>")).reply_to


def test_the_subject_never_threads() -> None:
    assert message_of(mail(Subject="Re: Cotización")).reply_to == ()


def test_a_copy_of_our_own_mail_is_not_shown_again() -> None:
    assert parts_of(mail(From=HOUSE, To="ana@cliente.test", Message_ID=f"<{our_id()}>")) == []


def test_our_id_under_another_name_is_another_mail() -> None:
    message = message_of(mail(Message_ID=f"<{our_id()}>"))
    assert message.provider_id != f"<{our_id()}>"
    assert message.sender.value == "ana@cliente.test"


def test_written_by_the_house_in_another_program() -> None:
    message = message_of(raw_of("own_mail_from_another_program"))
    assert (message.is_echo, message.sender.value) == (True, "ana@cliente.test")


def test_whoever_writes_our_address_into_from_is_not_us() -> None:
    message = message_of(raw_of("spoofed_own_address"))
    assert (message.is_echo, message.is_automatic, message.suppresses_replies) == (False, True, True)


def test_five_deliveries_of_one_mail_are_one_and_the_same() -> None:
    relays = [f"Received: from mx{number}.test by mx; Fri, 20 Nov 2026 15:00:0{number} +0000\n" for number in range(5)]
    for written in (mail(), mail(Message_ID="")):
        found = {(message.provider_id, message.fingerprint) for message in (message_of(relay + written) for relay in relays)}
        assert len(found) == 1


def test_another_mail_under_a_used_id_has_another_fingerprint() -> None:
    one, other = message_of(mail("Uno")), message_of(mail("Otro"))
    assert one.provider_id == other.provider_id
    assert one.fingerprint != other.fingerprint
    assert one.payload["fingerprint"] == one.fingerprint


def test_a_list_that_adds_a_footer_does_not_make_another_mail() -> None:
    text = "Hola a todos. " * 50
    assert message_of(mail(text)).fingerprint == message_of(mail(text + "\n--\nlista@lista.test", Subject="[lista] Consulta")).fingerprint


def nature(name: str) -> tuple[bool, bool]:
    message = message_of(raw_of(name))
    return message.is_automatic, message.suppresses_replies


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vacation", (True, True)),
        ("asks_for_no_automatic_answer", (False, True)),
        ("mailing_list", (False, True)),
        ("bounce_of_somebody_else", (True, True)),
        ("gmail_es", (False, False)),
    ],
)
def test_machines_are_told_from_people(name: str, expected: tuple[bool, bool]) -> None:
    assert nature(name) == expected


@pytest.mark.parametrize(
    ("field", "value", "automatic"),
    [
        ("Auto-Submitted", "auto-generated", True),
        ("Auto-Submitted", "no", False),
        ("Precedence", "auto_reply", True),
        ("Precedence", "bulk", False),
        ("Return-Path", "<>", True),
        ("Return-Path", "<ana@cliente.test>", False),
        ("X-Autoreply", "yes", True),
    ],
)
def test_signs_of_a_machine(field: str, value: str, automatic: bool) -> None:
    assert message_of(f"{field}: {value}\n{mail()}").is_automatic is automatic


def outcome(name: str) -> list[dict[str, Any]]:
    found = parts_of(raw_of(name))
    assert all(isinstance(part, StatusUpdate) for part in found)
    return [{"status": part.status, "recipient": part.recipient, "code": part.code, "id": part.provider_id} for part in found]  # type: ignore[union-attr]


def test_a_delivery_report_fails_our_message_with_the_reason() -> None:
    assert outcome("bounce_rfc3464") == [{"status": "failed", "recipient": "nadie@cliente.test", "code": "5.1.1", "id": f"<{our_id()}>"}]
    (part,) = parts_of(raw_of("bounce_rfc3464"))
    assert isinstance(part, StatusUpdate)
    assert part.text == "550 5.1.1 <nadie@cliente.test>: Recipient address rejected: User unknown"


def test_a_delay_is_no_outcome() -> None:
    assert parts_of(raw_of("bounce_delayed")) == []


def test_a_bounce_from_before_the_standard() -> None:
    assert outcome("bounce_qmail") == [{"status": "failed", "recipient": "nadie@viejo.test", "code": "", "id": f"<{our_id()}>"}]


def test_a_read_receipt() -> None:
    assert outcome("read_receipt") == [{"status": "read", "recipient": "ana@cliente.test", "code": "", "id": f"<{our_id()}>"}]


def test_a_report_about_a_mail_that_is_not_ours_says_nothing_of_ours() -> None:
    forged = raw_of("bounce_rfc3464").replace(our_id().encode(), forged_id().encode())
    (part,) = parts_of(forged)
    assert not isinstance(part, StatusUpdate)
