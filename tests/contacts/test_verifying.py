"""A code goes to an identifier and comes back: then it is its person's, and is decided again."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from accounts.models import Account, AuditEntry, Channel, Membership
from contacts import code_senders, verifying
from contacts.code_senders import CodeNotSent
from contacts.models import Certainty, Identifier, MatchDecision, VerificationCode
from contacts.verifying import confirm_code, send_code
from tests.conftest import make_channel
from tests.contacts.stories import identifier_of, person, writes


class Carrier:
    """A sender that keeps what it was given."""

    name = "test"
    label = "por paloma"
    reaches = frozenset({"email", "phone"})

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.is_broken = False

    def is_ready(self) -> bool:
        return True

    def send(self, *, identifier: Identifier, code: str, minutes: int) -> None:
        if self.is_broken:
            raise CodeNotSent("La paloma está enferma.")
        self.sent.append((identifier.value, code))


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    carrier = Carrier()
    monkeypatch.setitem(code_senders._senders, carrier.name, carrier)
    return carrier


@pytest.fixture
def typed(web: Channel) -> Identifier:
    return identifier_of(writes(web, "visitor-1", name="Ana", email="ana@ejemplo.cl").profile, "email")


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def test_the_right_code_confirms_the_identifier(carrier: Carrier, typed: Identifier, agent: Membership) -> None:
    row = send_code(identifier=typed, sender="test", by=person(agent))
    ((value, code),) = carrier.sent
    assert (value, len(code)) == ("ana@ejemplo.cl", 6)
    assert code not in str(VerificationCode.scoped().values().get())
    assert verifying.awaiting_code([typed]) == {typed.pk}

    confirm_code(identifier=typed, code=f" {code[:3]} {code[3:]} ", by=person(agent))

    typed.refresh_from_db()
    row.refresh_from_db()
    assert typed.certainty == Certainty.VERIFIED
    assert row.used_at is not None
    assert [entry.action for entry in AuditEntry.scoped().order_by("pk")] == ["identifier.send_code", "identifier.verify"]
    # It works once, and what is confirmed needs no other.
    for again in (lambda: confirm_code(identifier=typed, code=code, by=person(agent)), lambda: send_code_by(typed, agent)):
        with pytest.raises(ValidationError):
            again()


def send_code_by(identifier: Identifier, membership: Membership) -> VerificationCode:
    return send_code(identifier=identifier, sender="test", by=person(membership))


def test_a_claim_that_is_confirmed_is_decided_again(scoped: Account, carrier: Carrier, web: Channel, agent: Membership) -> None:
    Account.objects.filter(pk=scoped.pk).update(claimed_suggests_only=True)
    chat = writes(make_channel(scoped, "whatsapp"), "56981234567", name="Ana")
    form = writes(web, "visitor-1", 1, name="Ana", phone="981234567")
    assert form.contact.pk != chat.contact.pk
    phone = identifier_of(form.profile, "phone")
    send_code(identifier=phone, sender="test", by=person(agent))

    found = confirm_code(identifier=phone, code=carrier.sent[0][1], by=person(agent))

    assert (found.outcome, found.contact.pk) == (MatchDecision.Outcome.MERGED, chat.contact.pk)
    assert MatchDecision.scoped().latest("pk").cause == "verification:test"


def test_wrong_codes_are_counted_and_end_it(carrier: Carrier, typed: Identifier, agent: Membership) -> None:
    send_code_by(typed, agent)
    code = carrier.sent[0][1]
    for _time in range(verifying.MOST_ATTEMPTS):
        with pytest.raises(ValidationError):
            confirm_code(identifier=typed, code=wrong(code), by=person(agent))
    with pytest.raises(ValidationError):
        confirm_code(identifier=typed, code=code, by=person(agent))
    typed.refresh_from_db()
    assert typed.certainty == Certainty.CLAIMED
    assert VerificationCode.scoped().get().attempts == verifying.MOST_ATTEMPTS


def test_a_code_is_late_after_its_minutes_and_gone_with_the_next(carrier: Carrier, typed: Identifier, agent: Membership) -> None:
    send_code_by(typed, agent)
    VerificationCode.scoped().update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(ValidationError):
        confirm_code(identifier=typed, code=carrier.sent[0][1], by=person(agent))
    send_code_by(typed, agent)
    send_code_by(typed, agent)
    if carrier.sent[1][1] != carrier.sent[2][1]:
        with pytest.raises(ValidationError):
            confirm_code(identifier=typed, code=carrier.sent[1][1], by=person(agent))
    assert confirm_code(identifier=typed, code=carrier.sent[2][1], by=person(agent)).profile.pk == typed.profile_id


def test_three_codes_an_hour_go_to_one_value_whoever_says_it(carrier: Carrier, web: Channel, agent: Membership) -> None:
    """The value is counted, not the row: nobody floods a stranger's mailbox through several visitors."""
    for number in range(3):
        send_code_by(identifier_of(writes(web, f"visitor-{number}", name=f"N{number}", email="eva@ejemplo.cl").profile, "email"), agent)
    fourth = identifier_of(writes(web, "visitor-9", email="eva@ejemplo.cl").profile, "email")
    with pytest.raises(ValidationError) as refused:
        send_code_by(fourth, agent)
    assert refused.value.code == "too_many"
    assert len(carrier.sent) == 3
    VerificationCode.scoped().update(sent_at=timezone.now() - timedelta(hours=2))
    send_code_by(fourth, agent)


def test_what_did_not_leave_says_why_and_waits_for_nothing(carrier: Carrier, typed: Identifier, agent: Membership) -> None:
    carrier.is_broken = True
    with pytest.raises(ValidationError, match="enferma"):
        send_code_by(typed, agent)
    assert verifying.awaiting_code([typed]) == set()


def test_there_must_be_a_way_and_something_to_confirm(carrier: Carrier, scoped: Account, typed: Identifier, agent: Membership) -> None:
    chat = writes(make_channel(scoped, "whatsapp"), "56981234567")
    for identifier, sender in (
        (typed, "humo"),
        (identifier_of(chat.profile, "phone"), "test"),
        (identifier_of(chat.profile, "whatsapp"), "test"),
    ):
        with pytest.raises(ValidationError):
            send_code(identifier=identifier, sender=sender, by=person(agent))
    assert carrier.sent == []
    assert not VerificationCode.scoped().exists()


def test_the_page_sends_and_takes_the_code(
    carrier: Carrier, typed: Identifier, account: Account, agent_client: Client, outsider_client: Client
) -> None:
    page = f"/a/{account.slug}/contacts/{typed.profile.contact_id}/"
    url = f"{page}identifiers/{typed.pk}/"
    assert outsider_client.post(f"{url}code/", {"sender": "test"}).status_code == 404
    assert carrier.sent == []

    assert 'name="sender" value="test"' in agent_client.get(page).content.decode()
    assert 'name="code"' not in agent_client.get(page).content.decode()
    agent_client.post(f"{url}code/", {"sender": "test"})
    assert 'name="code"' in agent_client.get(page).content.decode()
    agent_client.post(f"{url}confirm/", {"code": carrier.sent[0][1]})

    typed.refresh_from_db()
    assert typed.certainty == Certainty.VERIFIED
    assert 'name="sender"' not in agent_client.get(page).content.decode()
