"""Lists from elsewhere: they revive nobody, prove what they prove, and say what became of every line."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, Membership
from consent.evidence import read_evidence
from consent.fingerprints import point_ref
from consent.importing import MOST_ROWS, GrantRow, import_grants
from consent.models import ConsentEvent, NoticeVersion, Purpose
from consent.suppressing import suppress
from consent.vocabulary import Action, Origin, SuppressionReason
from contacts.models import Profile
from tests.api.conftest import ApiClient, token_of
from tests.consent.people import MAIL, PHONE, agree, ask, make_person, point, say, with_postal_address

pytestmark = pytest.mark.usefixtures("scoped")
DAY = timedelta(days=1)
PROOF = {"form": "Feria 2026", "ticked": True}


@pytest.fixture
def ana(scoped: Account) -> Profile:
    return make_person(("phone", PHONE), ("email", MAIL))


def line(**values: Any) -> GrantRow:
    given: dict[str, Any] = {"address": MAIL, "kind": "email", "action": "grant", "purpose": "news", "proof": PROOF}
    return GrantRow(**{"occurred_at": timezone.now() - DAY, **given, **values})


def states(*rows: GrantRow) -> list[str]:
    return [outcome.state for outcome in import_grants(rows, by=SYSTEM)]


@pytest.fixture(autouse=True)
def _news(scoped: Account) -> None:
    """A purpose that asks for no confirmation from the address itself."""
    Purpose.objects.create(key="news", purpose_class="marketing")
    with_postal_address()


def rules_on(profile: Profile) -> tuple[bool, str]:
    ruling = ask(profile, kind="email", channel="email", purpose="news")
    return ruling.allowed, str(ruling.detail or ruling.reason)


def test_a_grant_with_proof_counts_and_the_proof_can_be_read(ana: Profile) -> None:
    assert rules_on(ana) == (False, "never_asked")
    (outcome,) = import_grants([line()], by=SYSTEM)
    assert outcome.state == "recorded"
    event = outcome.event
    assert event is not None
    assert event.evidence is not None
    assert (event.source, event.possession_proven, event.profile_id, event.basis) == ("import", False, ana.pk, "consent")
    assert read_evidence(event.evidence) == PROOF
    assert rules_on(ana)[0]


@pytest.mark.parametrize("proof", [None, {}])
def test_a_grant_without_proof_is_written_down_and_counts_for_nothing(ana: Profile, proof: Any) -> None:
    assert states(line(proof=proof)) == ["unproven"]
    assert rules_on(ana) == (False, "without_proof")


@pytest.mark.parametrize("how", ["withdrawn", "objected", "erased"])
def test_no_list_revives_anybody_whatever_it_says(ana: Profile, how: str) -> None:
    agree(ana, kind="email", purpose="news", occurred_at=timezone.now() - 9 * DAY)
    if how == "erased":
        suppress(ref=point(ana, "email"), reason=SuppressionReason.ERASED, at=timezone.now() - 5 * DAY, key="x", origin=Origin.SYSTEM)
    else:
        action = Action.WITHDRAW if how == "withdrawn" else Action.OBJECT
        say(ana, action, kind="email", occurred_at=timezone.now() - 5 * DAY)
    assert states(line(), line(occurred_at=timezone.now() + DAY)) == ["held_back", "held_back"]
    assert not rules_on(ana)[0]


def test_the_same_line_is_one_event_however_often_it_comes(ana: Profile) -> None:
    row = line()
    named = line(key="crm-17", occurred_at=timezone.now() - 2 * DAY)
    assert states(row, row, named) == ["recorded", "known", "recorded"]
    assert states(row, line(key="crm-17")) == ["known", "known"]
    assert ConsentEvent.objects.count() == 2


def test_an_opt_out_needs_nobody_and_keeps_whoever_comes_later_out(ana: Profile) -> None:
    stranger = line(address="nadie@ejemplo.cl", action="withdraw", purpose="", occurred_at=None)
    assert states(stranger, stranger) == ["recorded", "known"]
    assert ConsentEvent.objects.get().profile_id is None
    late = make_person(("email", "nadie@ejemplo.cl"))
    assert states(line(address="nadie@ejemplo.cl")) == ["held_back"]
    assert rules_on(late) == (False, "withdrawn")


def test_a_grant_to_an_older_wording_does_not_count(ana: Profile) -> None:
    purpose = Purpose.objects.get(key="news")
    for number in (1, 2):
        for language in ("es", "en"):
            NoticeVersion.objects.create(purpose=purpose, language=language, number=number, text=f"{number}", sha256="b")
    assert states(line(notice=1)) == ["recorded"]
    assert rules_on(ana) == (False, "older_notice")
    assert states(line(notice=2)) == ["recorded"]
    assert ConsentEvent.objects.latest("pk").notice.language == "es"
    assert rules_on(ana)[0]


def test_at_a_shared_address_a_grant_says_whose_it_is(ana: Profile) -> None:
    beto = make_person(("email", MAIL), name="Beto")
    first, second, third = import_grants([line(), line(contact_id=beto.contact_id), line(contact_id=10**9)], by=SYSTEM)
    assert (first.state, second.state, third.state) == ("refused", "recorded", "refused")
    assert second.event is not None
    assert second.event.profile_id == beto.pk
    assert states(line(action="withdraw")) == ["recorded"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "nadie"},
        {"kind": "paloma"},
        {"kind": "national_id", "address": "12.345.678-5"},
        {"purpose": "ninguna"},
        {"purpose": ""},
        {"channel": "paloma"},
        {"occurred_at": None},
        {"occurred_at": timezone.now().replace(tzinfo=None)},
        {"notice": 7},
        {"action": "suppress"},
        {"action": "platform_resume"},
        {"address": "nadie@ejemplo.cl"},
    ],
)
def test_a_line_that_makes_no_sense_is_refused_and_the_others_are_taken(ana: Profile, wrong: dict[str, Any]) -> None:
    refused, taken = import_grants([line(**wrong), line()], by=SYSTEM)
    assert (refused.state, refused.event, bool(refused.problem), taken.state) == ("refused", None, True, "recorded")
    assert ConsentEvent.objects.count() == 1


def test_a_number_may_be_written_as_people_write_it(ana: Profile) -> None:
    assert states(line(address="9 8123 4567", kind="phone"), line(address="56981234567", kind="whatsapp", channel="whatsapp")) == [
        "recorded",
        "recorded",
    ]
    assert set(ConsentEvent.objects.values_list("point__lookup_hmac", flat=True)) == {point_ref(kind="phone", value=PHONE).lookup}


def test_reading_the_lines_takes_the_same_queries_for_one_and_for_many(ana: Profile) -> None:
    many = [f"p{number}@ejemplo.cl" for number in range(6)]
    for address in many:
        make_person(("email", address))
    counts = []
    for addresses in (many[:1], many):
        rows = [line(address=address) for address in addresses]
        states(*rows)
        with CaptureQueriesContext(connection) as captured:
            assert set(states(*rows)) == {"known"}
        counts.append(len(captured))
    # A line that is known takes its point, the lock, the look for its key, and two savepoints.
    assert counts[1] - counts[0] == 5 * 7


def test_who_may_not_record_consent_imports_nothing(ana: Profile, agent: Membership, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(agent), "may", lambda self, ability: False)
    with pytest.raises(PermissionDenied):
        import_grants([line()], by=Actor.person(agent))
    with pytest.raises(ValueError, match="at most"):
        import_grants([line()] * (MOST_ROWS + 1), by=SYSTEM)
    assert not ConsentEvent.objects.exists()


class TestDoor:
    def test_it_takes_rows_and_says_what_became_of_each(self, ana: Profile, admin: Membership) -> None:
        rows = [
            {"address": MAIL, "kind": "email", "action": "grant", "purpose": "news", "occurred_at": "2026-11-01T12:00:00Z", "proof": PROOF},
            {"address": MAIL, "kind": "email", "action": "withdraw"},
            {"address": "x", "kind": "email", "action": "withdraw"},
        ]
        api = ApiClient(token_of(admin))
        answer = api.post("consent/import/", {"rows": rows})
        assert answer.status_code == 200
        outcomes = answer.json()["outcomes"]
        assert [outcome["state"] for outcome in outcomes] == ["held_back", "recorded", "refused"]
        assert set(ConsentEvent.objects.values_list("pk", flat=True)) == {outcome["event"] for outcome in outcomes[:2]}
        again = api.post("consent/import/", {"rows": rows}).json()["outcomes"]
        assert [outcome["state"] for outcome in again] == ["known", "known", "refused"]

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"rows": []},
            {"rows": [{"address": MAIL, "kind": "email", "action": "withdraw"}] * 1001},
            {"rows": [{"address": MAIL, "kind": "email", "action": "suppress"}]},
            {"rows": [{"address": MAIL, "kind": "email", "action": "withdraw", "possession_proven": True}]},
            {"rows": [{"address": MAIL, "kind": "email", "action": "withdraw", "proof": {"text": "x" * 8000}}]},
        ],
    )
    def test_what_has_not_the_form_is_refused_as_a_whole(self, ana: Profile, admin: Membership, body: Any) -> None:
        assert ApiClient(token_of(admin)).post("consent/import/", body).status_code == 400
        assert not ConsentEvent.objects.exists()

    def test_an_agent_may_not(self, ana: Profile, agent: Membership) -> None:
        body = {"rows": [{"address": MAIL, "kind": "email", "action": "withdraw"}]}
        assert ApiClient(token_of(agent)).post("consent/import/", body).status_code == 403
        assert not ConsentEvent.objects.exists()
