"""No adapter is reached without a fresh ALLOW of the gate about that very message."""

import ast
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Account, Membership
from consent import gate
from consent.gate import Clearance, NotCleared
from consent.judging import refusal
from consent.models import Decision
from inbox import delivery
from inbox.adapters import InboundMessage, ProviderReceipt, registered_kinds
from inbox.delivery import deliver
from inbox.models import Message, OutboundMessage
from inbox.receiving import receive
from inbox.sending import send_message
from tests.conftest import make_channel

ROOMS = ("accounts", "contacts", "consent", "inbox", "integrations", "config")
ADDRESSES = {"whatsapp": "whatsapp", "instagram": "instagram", "email": "email", "webchat": "visitor"}
SENDERS = {
    "whatsapp": "56981234567",
    "instagram": "178411200",
    "email": "ana@ejemplo.cl",
    "webchat": "5b1d7d0c-0000-4000-8000-000000000001",
}


class Recorder:
    """Stands where an adapter stands, and notes who reaches it."""

    def __init__(self, real: Any) -> None:
        self.real, self.sent = real, []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def send(self, *, channel: Any, message: Message) -> ProviderReceipt:
        self.sent.append(message.pk)
        return ProviderReceipt(f"p-{message.pk}")


def accepted(account: Account, agent: Membership, kind: str) -> Message:
    """An answer that the gate let in."""
    from contacts.claims import Address

    channel = make_channel(account, kind)
    inbound = InboundMessage(
        provider_id=f"in-{kind}", sender=Address(ADDRESSES[kind], SENDERS[kind]), occurred_at=timezone.now(), body="Hola"
    )
    message = receive(channel=channel, inbound=inbound)
    assert message is not None
    return send_message(
        conversation=message.strand.conversation, channel=channel, identifier=message.identifier, body="Hola", by=Actor.person(agent)
    )


@pytest.fixture
def recorders(monkeypatch: Any) -> dict[str, Recorder]:
    found = {kind: Recorder(delivery.adapter_for(kind)) for kind in registered_kinds()}
    monkeypatch.setattr(delivery, "adapter_for", found.__getitem__)
    return found


@pytest.mark.parametrize("kind", sorted(ADDRESSES))
@pytest.mark.parametrize("trouble", ["denied", "error"])
def test_what_the_gate_refuses_at_the_last_moment_never_reaches_the_adapter(
    scoped: Account, agent: Membership, recorders: dict[str, Recorder], monkeypatch: Any, kind: str, trouble: str
) -> None:
    assert set(ADDRESSES) == set(recorders)
    message = accepted(scoped, agent, kind)
    broken = {"denied": lambda question, *known: refusal(question, "error"), "error": lambda *asked: 1 / 0}
    monkeypatch.setattr(gate, "judge", broken[trouble])

    deliver(message_id=message.pk)

    assert recorders[kind].sent == []
    message.refresh_from_db()
    assert (message.status, message.problem["code"]) == ("failed", "gate_unavailable")


@pytest.mark.parametrize("kind", sorted(ADDRESSES))
def test_what_leaves_carries_both_decisions(scoped: Account, agent: Membership, recorders: dict[str, Recorder], kind: str) -> None:
    message = accepted(scoped, agent, kind)

    deliver(message_id=message.pk)

    assert recorders[kind].sent == [message.pk]
    stages = Decision.objects.filter(subject=f"message:{message.pk}").order_by("pk")
    assert list(stages.values_list("stage", "verdict")) == [("accepted", "allow"), ("leaving", "allow")]
    assert OutboundMessage.objects.get(message=message).decision == stages[1]


def test_a_clearance_is_of_one_message_and_of_this_moment(scoped: Account, agent: Membership, monkeypatch: Any) -> None:
    message = accepted(scoped, agent, "email")
    fresh = Message.objects.select_related("channel", "identifier", "strand__conversation").get(pk=message.pk)
    ruling = delivery.ask_again(fresh, by_person=True)
    clearance = Clearance(ruling)
    clearance.require(f"message:{message.pk}")
    with pytest.raises(NotCleared):
        clearance.require(f"message:{message.pk + 1}")
    later = timezone.now() + timedelta(minutes=2)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    with pytest.raises(NotCleared):
        clearance.require(f"message:{message.pk}")
    with pytest.raises(NotCleared):
        Clearance(refusal(ruling.question, "error"))


def calls() -> list[tuple[str, str, str]]:
    """(file, function, call) of every call that could hand something to a provider or make a clearance."""
    found = []
    for room in ROOMS:
        for path in sorted(Path(settings.BASE_DIR, room).rglob("*.py")):
            where = path.relative_to(settings.BASE_DIR).as_posix()
            for function in ast.walk(ast.parse(path.read_text())):
                if isinstance(function, ast.FunctionDef):
                    for node in ast.walk(function):
                        if isinstance(node, ast.Call):
                            found.append((where, function.name, ast.unparse(node.func)))
    return found


def test_adapters_are_called_in_one_place_and_it_asks_for_the_clearance_first() -> None:
    every = calls()
    senders = {(where, name) for where, name, call in every if call.startswith("adapter_for(") and call.endswith(".send")}
    assert senders == {("inbox/delivery.py", "_hand_over")}
    body = ast.parse(Path(settings.BASE_DIR, "inbox/delivery.py").read_text())
    hand_over = next(node for node in ast.walk(body) if isinstance(node, ast.FunctionDef) and node.name == "_hand_over")
    lines = {ast.unparse(node.func): node.lineno for node in ast.walk(hand_over) if isinstance(node, ast.Call)}
    assert lines["clearance.require"] < lines["adapter_for(channel.kind).send"]


def test_clearances_are_made_in_three_places_and_providers_called_by_adapters_codes_and_letters_only() -> None:
    every = calls()
    assert {(where, name) for where, name, call in every if call == "Clearance"} == {
        ("inbox/delivery.py", "_clear"),
        ("integrations/sending_codes.py", "_clear"),
        ("integrations/sending_letters.py", "_clear"),
    }
    direct = {where for where, _name, call in every if call in ("mail.hand_over", "sending.send", "api.send", "hand_over")}
    assert direct == {
        "integrations/channels/email/adapter.py",
        "integrations/channels/email/sending.py",
        "integrations/channels/instagram/adapter.py",
        "integrations/channels/instagram/sending.py",
        "integrations/channels/whatsapp/adapter.py",
        "integrations/channels/whatsapp/sending.py",
        "integrations/sending_codes.py",
        "integrations/sending_letters.py",
    }
