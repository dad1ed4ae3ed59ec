"""WhatsApp's word that another phone has the number, from the webhook to who the next message is from."""

import json
from datetime import UTC, datetime

from accounts.scope import account_scope
from contacts.claims import Address, Claim
from contacts.matching import recognise
from contacts.models import EndReason, Identifier, MatchDecision, MergeSuggestion, Profile
from inbox.models import Direction, Message
from inbox.receiving import process_event
from inbox.thread_events import event_text
from tests.integrations.conftest import Hooks, load_payload, payload

NOTICE_AT = 1_790_000_000


def says(hooks: Hooks, text: str, *, name: str, seconds: int) -> None:
    """María's recorded message with another text, name and time."""
    body = load_payload("whatsapp", "text")
    value = body["entry"][0]["changes"][0]["value"]
    value["contacts"][0]["profile"]["name"] = name
    value["messages"][0] |= {"id": f"wamid.{text}", "timestamp": str(NOTICE_AT + seconds), "text": {"body": text}}
    hear(hooks, json.dumps(body).encode())


def hear(hooks: Hooks, body: bytes) -> None:
    assert hooks.post(body).status_code == 200
    with account_scope(hooks.account):
        for event in hooks.events():
            if event.state == "pending":
                process_event(event_id=event.pk)
                event.refresh_from_db()
                assert (event.state, event.error) == ("processed", "")


def test_the_next_message_from_the_number_is_somebody_new(hooks: Hooks) -> None:
    says(hooks, "hola", name="María Pérez", seconds=-60)

    hear(hooks, payload("whatsapp", "system_identity_changed"))

    with account_scope(hooks.account):
        [maria] = Profile.scoped()
        assert not maria.is_current
        ended = Identifier.scoped().filter(profile=maria)
        assert {(row.kind, row.end_reason) for row in ended} == {("whatsapp", EndReason.RECYCLED), ("phone", EndReason.RECYCLED)}
        notice = Message.scoped().get(direction=Direction.EVENT, kind="identity_changed")
        assert notice.strand.profile == maria
        assert "56987654321" in event_text(notice)
        assert notice.occurred_at == datetime.fromtimestamp(NOTICE_AT, UTC)

    says(hooks, "soy yo", name="Pedro Soto", seconds=60)

    with account_scope(hooks.account):
        pedro = Message.scoped().get(body="soy yo").strand.profile
        assert pedro.contact_id != maria.contact_id
        assert pedro.former == maria
        decision = MatchDecision.scoped().filter(profile=pedro).latest("pk")
        assert decision.rule == "recycled"
        asked = MergeSuggestion.scoped().get()
        assert (asked.low, asked.high, asked.origin) == (maria, pedro, "recycled")

        # A late notice of the same moment is not about whoever came after it.
        hear(hooks, payload("whatsapp", "system_identity_changed").replace(b"security code changed", b"security code changed again"))
        pedro.refresh_from_db()
        assert pedro.is_current
        assert not Identifier.scoped().filter(profile=pedro).exclude(valid_to=None).exists()
        later = datetime.fromtimestamp(NOTICE_AT + 90, UTC)
        again = recognise(channel=hooks.channel, address=Address("whatsapp", "56987654321"), claim=Claim(), occurred_at=later)
        assert again.profile == pedro


def test_a_notice_about_a_stranger_is_taken_and_means_nothing(hooks: Hooks) -> None:
    hear(hooks, payload("whatsapp", "system_identity_changed"))
    with account_scope(hooks.account):
        assert not Profile.scoped().exists()
        assert not Message.scoped().exists()
