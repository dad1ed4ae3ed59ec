"""Settings → Purposes and notices, and the ledger: what administrators see and change."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.utils import timezone

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, AuditEntry, Membership
from consent.checking_ledger import carry_out, start_check
from consent.comparing_wordings import compare
from consent.models import ConsentEvent, LedgerCheck, NoticeVersion, Purpose
from consent.notices import change_purpose, create_purpose, publish_notice
from consent.sealing import seal
from consent.vocabulary import Action, PurposeClass
from tests.consent.people import agree, make_person, say

pytestmark = pytest.mark.django_db


def path(account: Account, rest: str) -> str:
    return f"/a/{account.slug}/settings/{rest}"


def test_a_purpose_is_made_worded_and_archived(admin_client: Client, scoped: Account) -> None:
    made = {"name_es": "Club de lectores", "purpose_class": "marketing", "basis": "consent", "basis_BR": "legitimate_interest"}
    answer = admin_client.post(path(scoped, "purposes/new/"), {**made, "expires_after_days": "365"})
    club = Purpose.scoped().get(key="club-de-lectores")
    assert answer.headers["Location"].endswith(f"/purposes/{club.pk}/")
    assert (club.legal_basis, club.expires_after_days, club.double_opt_in) == ({"*": "consent", "BR": "legitimate_interest"}, 365, False)

    admin_client.post(path(scoped, f"purposes/{club.pk}/notices/"), {"text_es": "Una carta al mes"})
    admin_client.post(path(scoped, f"purposes/{club.pk}/notices/"), {"text_es": "Una carta a la semana", "is_material": "on"})
    page = admin_client.get(path(scoped, f"purposes/{club.pk}/")).content.decode()
    assert "<del>al mes</del>" in page.replace("</del> <del>", " ") or "<del>al</del>" in page
    assert NoticeVersion.scoped().get(number=2).sha256 in page
    assert admin_client.post(path(scoped, f"purposes/{club.pk}/notices/"), {"text_es": " "}).status_code == 422

    admin_client.post(path(scoped, f"purposes/{club.pk}/"), {"name_es": "Club", "basis": "contract", "double_opt_in": "on"})
    admin_client.post(path(scoped, f"purposes/{club.pk}/archive/"), {"archived": "yes"})
    club.refresh_from_db()
    assert (club.names, club.legal_basis, club.double_opt_in, club.is_active) == ({"es": "Club"}, {"*": "contract"}, True, False)
    assert "Club" in admin_client.get(path(scoped, "purposes/")).content.decode()
    actions = AuditEntry.scoped().filter(target_type="purpose").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["purpose.create", "notice.publish", "notice.publish", "purpose.change", "purpose.change"]


def test_two_purposes_of_one_name_have_two_keys(scoped: Account) -> None:
    keys = [create_purpose(purpose_class=PurposeClass.UTILITY, names={"es": "Avisos ñ"}, by=SYSTEM).key for _ in range(2)]
    assert keys == ["avisos-n", "avisos-n-2"]


def test_a_purpose_without_a_name_is_refused(scoped: Account) -> None:
    before = Purpose.scoped().count()
    with pytest.raises(ValidationError):
        create_purpose(purpose_class=PurposeClass.UTILITY, names={"es": " "}, by=SYSTEM)
    assert Purpose.scoped().count() == before


def test_a_supervisor_changes_nothing(supervisor: Membership, supervisor_client: Client, scoped: Account) -> None:
    by, marketing, before = Actor.person(supervisor), Purpose.scoped().get(key="marketing"), Purpose.scoped().count()
    with pytest.raises(PermissionDenied):
        create_purpose(purpose_class=PurposeClass.UTILITY, names={"es": "Club"}, by=by)
    with pytest.raises(PermissionDenied):
        change_purpose(purpose=marketing, by=by, is_active=False)
    with pytest.raises(PermissionDenied):
        start_check(by=by)
    for rest in ("purposes/", "purposes/new/", f"purposes/{marketing.pk}/", "ledger/"):
        assert supervisor_client.get(path(scoped, rest)).status_code == 403
    assert (Purpose.scoped().count(), Purpose.scoped().get(key="marketing").is_active) == (before, True)
    assert not LedgerCheck.scoped().exists()
    assert not AuditEntry.scoped().exclude(action__startswith="member").exists()


def test_the_words_that_changed() -> None:
    pieces = compare("Te escribimos una vez al mes.", "Te escribimos dos veces al mes.")
    assert [(piece.kind, piece.text) for piece in pieces] == [
        ("same", "Te escribimos "),
        ("gone", "una vez"),
        ("new", "dos veces"),
        ("same", " al mes."),
    ] or "".join(piece.text for piece in pieces if piece.kind != "gone") == "Te escribimos dos veces al mes."
    assert "".join(piece.text for piece in pieces if piece.kind != "new") == "Te escribimos una vez al mes."


@pytest.fixture
def entries(scoped: Account) -> list[ConsentEvent]:
    ana = make_person(("email", "ana@ejemplo.cl"), ("phone", "+56981234567"))
    (notice,) = publish_notice(purpose=Purpose.scoped().get(key="marketing"), texts={"es": "Ofertas"}, is_material=True, by=SYSTEM)
    return [
        agree(ana, kind="email", channel="email", notice=notice, proof={"said": "Sí, quiero"}),
        say(ana, Action.WITHDRAW, kind="phone", channel="whatsapp", purpose="marketing", possession_proven=True),
    ]


def test_the_ledger_is_read_by_filters(admin_client: Client, scoped: Account, entries: list[ConsentEvent]) -> None:
    def shown(query: str) -> list[bool]:
        page = admin_client.get(path(scoped, f"ledger/?{query}")).content.decode()
        return [f"/ledger/{entry.pk}/" in page for entry in entries]

    today = timezone.localdate()
    assert shown("") == [True, True]
    assert shown("point=ANA@ejemplo.cl") == [True, False]
    assert shown("point=9 8123 4567") == [False, True]
    assert shown(f"point={entries[0].point.lookup_hmac[:12]}") == [True, False]
    assert shown("point=nadie@ejemplo.cl") == [False, False]
    assert shown("channel=whatsapp") == [False, True]
    assert shown("action=grant&purpose=marketing") == [True, False]
    assert shown(f"since={today + timedelta(days=1)}") == [False, False]
    assert admin_client.get(path(scoped, "ledger/?before=nada")).status_code == 404
    page = admin_client.get(path(scoped, "ledger/")).content.decode()
    assert "a•••@e•••.cl" in page
    assert "ana@ejemplo.cl" not in page


def test_the_ledger_asks_as_often_for_many_entries(
    admin_client: Client, scoped: Account, entries: list[ConsentEvent], django_assert_max_num_queries: object
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for _round in range(2):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            admin_client.get(path(scoped, "ledger/"))
        counts.append(len(asked))
        for number in range(18):
            agree(make_person(("email", f"p{number}@ejemplo.cl")), channel="email")
    assert counts[0] == counts[1]


def test_a_receipt_says_everything_and_is_kept_as_json(admin_client: Client, scoped: Account, entries: list[ConsentEvent]) -> None:
    seal()
    entry = ConsentEvent.scoped().get(pk=entries[0].pk)
    page = admin_client.get(path(scoped, f"ledger/{entry.pk}/")).content.decode()
    for said in ("Ofertas", "Sí, quiero", entry.hash, entry.previous_hash, entry.point.lookup_hmac):
        assert said in page
    answer = admin_client.get(path(scoped, f"ledger/{entry.pk}/?download"))
    assert answer.headers["Content-Disposition"] == f'attachment; filename="receipt-{entry.pk}.json"'
    kept = answer.json()
    assert (kept["evidence"], kept["sequence"], kept["hash"]) == ({"said": "Sí, quiero"}, entry.sequence, entry.hash)
    assert kept["notice"]["text"] == "Ofertas"


def test_the_chain_is_checked_from_the_page(admin_client: Client, admin: Membership, scoped: Account, entries: list[ConsentEvent]) -> None:
    assert "Nadie lo ha revisado" in admin_client.get(path(scoped, "ledger/")).content.decode()
    seal()
    admin_client.post(path(scoped, "ledger/check/"))
    run = LedgerCheck.scoped().get()
    assert start_check(by=Actor.person(admin)).pk == run.pk
    done = carry_out(run_id=run.pk)
    assert (done.state, done.figures["sealed"], done.figures["broken"]) == ("done", 2, "")
    assert "Se sostiene" in admin_client.get(path(scoped, "ledger/")).content.decode()
