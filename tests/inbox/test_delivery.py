"""The way out: accepted, gated twice, handed over once, settled by whatever came of it. A real adapter, a provider on loop-back."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.utils import timezone

from accounts.actors import BOT, Actor
from accounts.models import Account, AuditEntry, Channel, Membership
from accounts.scope import account_scope
from contacts.models import Contact, Identifier, Profile
from inbox.adapters import InboundMessage, StatusUpdate
from inbox.conversations import add_note, resolve
from inbox.delivery import CLAIM_LASTS, MOST_ATTEMPTS, apply_status, deliver, settle_abandoned
from inbox.models import Attachment, Conversation, Direction, Message, MessageStatus, OutboundMessage, StatusReceipt
from inbox.receiving import receive
from inbox.sending import SendingRefused, addresses_for, resend, send_message
from tests.conftest import make_channel, make_member
from tests.inbox.people import make_conversation, make_profile, say
from tests.inbox.provider import Provider, refusal, running_provider


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    settings.OUTGOING_HTTP_ALLOW = ["127.0.0.1"]
    with running_provider() as provider:
        yield provider


def whatsapp_of(account: Account, provider: Provider, name: str = "") -> Channel:
    return make_channel(
        account,
        "whatsapp",
        name,
        settings={"phone_number_id": "1065", "api_base": provider.url},
        secrets={"access_token": "t", "app_secret": "s"},
    )


@pytest.fixture
def whatsapp(account: Account, provider: Provider) -> Channel:
    return whatsapp_of(account, provider)


def wrote(channel: Channel, address: str = "56987654321", *, ago: timedelta = timedelta(minutes=5)) -> Conversation:
    """Somebody wrote on the channel, so long ago."""
    from inbox.adapters import Address

    inbound = InboundMessage(
        provider_id=f"in-{address}-{ago}", sender=Address("whatsapp", address), occurred_at=timezone.now() - ago, body="hola"
    )
    message = receive(channel=channel, inbound=inbound)
    assert message is not None
    return message.strand.conversation


@pytest.fixture
def conversation(scoped: Account, whatsapp: Channel) -> Conversation:
    return wrote(whatsapp)


@pytest.fixture
def laura(agent: Membership) -> Actor:
    return Actor.person(agent)


def answer(conversation: Conversation, by: Actor, body: str = "le cuento", **options: Any) -> Message:
    option = addresses_for(conversation)[0]
    return send_message(conversation=conversation, channel=option.channel, identifier=option.identifier, body=body, by=by, **options)


def state_of(message: Message) -> tuple[str, str]:
    message.refresh_from_db()
    return message.status, OutboundMessage.objects.get(message=message).state


def due_again(message: Message) -> None:
    OutboundMessage.objects.filter(message=message).update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def nothing_stored() -> bool:
    return not OutboundMessage.objects.exists() and not Message.objects.filter(direction=Direction.OUT).exists()


class TestAccepting:
    def test_an_answer_leaves_and_takes_the_providers_id(
        self, conversation: Conversation, laura: Actor, provider: Provider, whatsapp: Channel
    ) -> None:
        message = answer(conversation, laura)
        assert state_of(message) == ("queued", "queued")

        deliver(message_id=message.pk)

        assert state_of(message) == ("sent", "sent")
        assert provider.received[0]["to"] == "56987654321"
        assert provider.bodies() == ["le cuento"]
        assert message.provider_id == "wamid.1"
        outbound = OutboundMessage.objects.get()
        assert (outbound.verdict["accepted"]["reason"], outbound.verdict["left"]["reason"]) == ("service_reply", "service_reply")
        conversation.refresh_from_db()
        assert (conversation.waiting_since, conversation.preview, conversation.preview_is_ours) == (None, "le cuento", True)
        assert conversation.message_count == 2

    def test_a_double_submit_is_one_message(self, conversation: Conversation, laura: Actor) -> None:
        first = answer(conversation, laura, client_key="k1")
        assert answer(conversation, laura, "otra cosa", client_key="k1") == first
        assert answer(conversation, laura, client_key="k2") != first

        assert OutboundMessage.objects.count() == 2

    def test_it_opens_a_resolved_conversation_again(self, conversation: Conversation, laura: Actor) -> None:
        resolve(conversation=conversation, by=laura)

        answer(conversation, laura)

        conversation.refresh_from_db()
        assert conversation.status == "open"

    def test_the_bots_greeting_leaves_the_customer_waiting(self, conversation: Conversation) -> None:
        answer(conversation, BOT, "¿Cuál es su correo?")

        conversation.refresh_from_db()
        assert conversation.waiting_since is not None

    def test_a_note_never_leaves(self, conversation: Conversation, laura: Actor, provider: Provider) -> None:
        add_note(conversation=conversation, body="ojo: moroso", by=laura, files=[ContentFile(b"x", "a.txt")])

        assert not OutboundMessage.objects.exists()
        conversation.refresh_from_db()
        assert (conversation.message_count, conversation.preview) == (1, "hola")

    def test_it_counts_as_activity_of_the_person(self, conversation: Conversation, laura: Actor) -> None:
        message = answer(conversation, laura)

        assert Profile.objects.get().last_seen_at == Contact.objects.get().last_seen_at == message.occurred_at

    def test_files_go_with_it(self, conversation: Conversation, laura: Actor) -> None:
        message = answer(conversation, laura, files=[ContentFile(b"%PDF", "boleta.pdf")])

        attachment = Attachment.objects.get(message=message)
        assert (attachment.name, attachment.size, attachment.state) == ("boleta.pdf", 4, "stored")

    @pytest.mark.parametrize(
        ("change", "reason", "alternative"),
        [
            ("empty", "empty", ""),
            ("stranger", "not_theirs", "other_address"),
            ("ended", "ended", "other_address"),
            ("channel_off", "channel_off", "other_address"),
            ("unreachable", "not_reached", "other_address"),
            ("late", "template_required", "template"),
            ("too_many_files", "files", ""),
            ("too_large", "files", ""),
            ("bare_template", "template", ""),
        ],
    )
    def test_refusals_store_nothing_and_name_the_way_out(
        self, conversation: Conversation, laura: Actor, whatsapp: Channel, settings: Any, change: str, reason: str, alternative: str
    ) -> None:
        settings.ATTACHMENT_MAX_BYTES = 10
        identifier = Identifier.objects.get(kind="whatsapp")
        body, options = "hola", {}
        if change == "empty":
            body = "  "
        elif change == "stranger":
            identifier = make_profile(whatsapp, "111").identifiers.get()
        elif change == "ended":
            Identifier.objects.update(valid_to=timezone.now())
        elif change == "channel_off":
            Channel.objects.update(is_active=False)
        elif change == "unreachable":
            identifier = Identifier.objects.create(
                profile=identifier.profile,
                kind="email",
                raw="a@b.cl",
                value="a@b.cl",
                key="a@b.cl",
                valid_from=timezone.now(),
                last_seen_at=timezone.now(),
            )
        elif change == "late":
            Message.objects.update(occurred_at=timezone.now() - timedelta(hours=24, seconds=1))
        elif change == "too_many_files":
            options = {"files": [ContentFile(b"x", f"{n}.txt") for n in range(11)]}
        elif change == "too_large":
            options = {"files": [ContentFile(b"x" * 11, "a.txt")]}
        elif change == "bare_template":
            options = {"template": {"name": "hola"}}

        with pytest.raises(SendingRefused) as refused:
            send_message(conversation=conversation, channel=whatsapp, identifier=identifier, body=body, by=laura, **options)

        assert (refused.value.reason, refused.value.alternative) == (reason, alternative)
        assert refused.value.text
        assert nothing_stored()
        assert Attachment.objects.count() == 0

    def test_a_template_may_go_late(self, conversation: Conversation, laura: Actor, whatsapp: Channel, provider: Provider) -> None:
        Message.objects.update(occurred_at=timezone.now() - timedelta(days=9))
        message = answer(conversation, laura, "Hola, María", template={"name": "saludo", "language": "es", "parameters": ["María"]})

        deliver(message_id=message.pk)

        assert state_of(message) == ("sent", "sent")
        assert provider.received[0]["template"]["name"] == "saludo"

    def test_former_members_may_not(self, conversation: Conversation, agent: Membership) -> None:
        agent.is_active = False

        with pytest.raises(PermissionDenied):
            answer(conversation, Actor.person(agent))
        assert nothing_stored()


class TestAddresses:
    def test_where_they_wrote_last_comes_first_with_the_reason(
        self, scoped: Account, conversation: Conversation, whatsapp: Channel, provider: Provider, django_assert_num_queries: Any
    ) -> None:
        from contacts.claims import Claim, ClaimedIdentifier
        from contacts.matching import learn

        learn(
            profile=conversation.profile,
            claim=Claim((ClaimedIdentifier("phone", "+56 2 2345 6789"),), {}),
            occurred_at=timezone.now(),
            cause="form",
        )
        second = whatsapp_of(scoped, provider, "otro número")

        addresses_for(conversation)  # the account's key is read once per process
        with django_assert_num_queries(6):
            options = addresses_for(conversation)

        first, *rest = options
        assert (first.channel, first.identifier.value, first.decision.allowed, first.recommended, first.why) == (
            whatsapp,
            "56987654321",
            True,
            True,
            "last_wrote",
        )
        assert {(option.channel, option.identifier.value, option.decision.verdict, option.recommended, option.why) for option in rest} == {
            (whatsapp, "+56223456789", "convert", False, None),
            (second, "56987654321", "convert", False, None),
            (second, "+56223456789", "convert", False, None),
        }
        assert options[0].last_inbound_at is not None


class TestWhatMayGoWrong:
    def test_a_permanent_refusal_fails_with_its_reason_and_the_customer_waits_again(
        self, conversation: Conversation, laura: Actor, provider: Provider
    ) -> None:
        provider.answers = [refusal(131026)]
        message = answer(conversation, laura)

        deliver(message_id=message.pk)

        assert state_of(message) == ("failed", "failed")
        assert (message.problem["code"], message.problem["permanent"]) == ("131026", True)
        assert message.problem["text"]
        conversation.refresh_from_db()
        assert conversation.waiting_since == conversation.last_inbound_at

    def test_a_temporary_one_is_tried_again_after_what_the_provider_asks_for(
        self, conversation: Conversation, laura: Actor, provider: Provider
    ) -> None:
        provider.answers = [refusal(130429)]
        message = answer(conversation, laura)
        before = timezone.now()

        deliver(message_id=message.pk)
        deliver(message_id=message.pk)

        assert len(provider.received) == 1
        assert state_of(message) == ("queued", "queued")
        assert message.problem["code"] == "130429"
        assert OutboundMessage.objects.get().next_attempt_at >= before + timedelta(seconds=60)
        due_again(message)
        deliver(message_id=message.pk)
        assert state_of(message) == ("sent", "sent")
        assert message.problem == {}

    def test_after_so_many_attempts_it_fails(self, conversation: Conversation, laura: Actor, provider: Provider) -> None:
        provider.answers = [refusal(130429)] * MOST_ATTEMPTS
        message = answer(conversation, laura)

        for _ in range(MOST_ATTEMPTS):
            assert state_of(message) == ("queued", "queued")
            due_again(message)
            deliver(message_id=message.pk)

        assert state_of(message) == ("failed", "failed")
        assert message.problem["permanent"] is False

    def test_an_answer_that_never_comes_leaves_it_unknown_and_unsent(
        self, conversation: Conversation, laura: Actor, provider: Provider
    ) -> None:
        provider.answers = [None]
        message = answer(conversation, laura)

        for _ in range(3):
            deliver(message_id=message.pk)
            due_again(message)

        assert len(provider.received) == 1
        assert state_of(message) == ("unknown", "unknown")

    def test_an_adapter_that_breaks_leaves_it_unknown(self, conversation: Conversation, laura: Actor, provider: Provider) -> None:
        message = answer(conversation, laura)
        Channel.objects.update(settings={})

        deliver(message_id=message.pk)

        assert state_of(message) == ("unknown", "unknown")

    def test_a_worker_that_died_in_between_leaves_it_unknown(self, conversation: Conversation, laura: Actor, provider: Provider) -> None:
        message = answer(conversation, laura)
        claimed = OutboundMessage.objects.filter(message=message)
        claimed.update(state="claimed", claimed_at=timezone.now() - CLAIM_LASTS + timedelta(seconds=30))
        settle_abandoned(message_id=message.pk)
        assert state_of(message) == ("queued", "claimed")

        claimed.update(claimed_at=timezone.now() - CLAIM_LASTS - timedelta(seconds=1))
        settle_abandoned(message_id=message.pk)

        assert state_of(message) == ("unknown", "unknown")
        assert provider.received == []

    def test_unless_the_provider_honours_our_key(
        self, conversation: Conversation, laura: Actor, provider: Provider, monkeypatch: Any
    ) -> None:
        from integrations.channels.whatsapp.adapter import WhatsAppAdapter

        monkeypatch.setattr(WhatsAppAdapter, "honours_idempotency_key", True, raising=False)
        message = answer(conversation, laura)
        OutboundMessage.objects.update(state="claimed", claimed_at=timezone.now() - CLAIM_LASTS - timedelta(seconds=1))

        settle_abandoned(message_id=message.pk)
        deliver(message_id=message.pk)

        assert state_of(message) == ("sent", "sent")

    def test_the_gate_is_asked_again_when_it_leaves(self, conversation: Conversation, laura: Actor, provider: Provider) -> None:
        message = answer(conversation, laura)
        Message.objects.filter(direction=Direction.IN).update(occurred_at=timezone.now() - timedelta(hours=25))

        deliver(message_id=message.pk)

        assert state_of(message) == ("failed", "failed")
        assert message.problem["code"] == "template_required"
        assert provider.received == []

    def test_messages_to_one_address_leave_in_order(self, conversation: Conversation, laura: Actor, provider: Provider) -> None:
        first, second = answer(conversation, laura, "uno"), answer(conversation, laura, "dos")

        deliver(message_id=second.pk)
        assert provider.received == []
        deliver(message_id=first.pk)
        deliver(message_id=second.pk)

        assert provider.bodies() == ["uno", "dos"]

    def test_none_waits_for_one_that_was_put_off_for_long(self, conversation: Conversation, laura: Actor, provider: Provider) -> None:
        first, second = answer(conversation, laura, "uno"), answer(conversation, laura, "dos")
        OutboundMessage.objects.filter(message=first).update(next_attempt_at=timezone.now() + timedelta(hours=5))

        deliver(message_id=second.pk)

        assert provider.bodies() == ["dos"]


class TestResending:
    @pytest.mark.parametrize("outcome", [refusal(131026), None], ids=["failed", "unknown"])
    def test_a_person_sends_it_again(self, conversation: Conversation, laura: Actor, provider: Provider, outcome: Any) -> None:
        provider.answers = [outcome]
        message = answer(conversation, laura)
        deliver(message_id=message.pk)

        resend(message=message, by=laura)
        deliver(message_id=message.pk)

        assert state_of(message) == ("sent", "sent")
        assert (message.provider_id, message.problem, len(provider.received)) == ("wamid.2", {}, 2)
        assert AuditEntry.objects.filter(action="message.resend", target_id=message.pk).count() == 1
        conversation.refresh_from_db()
        assert conversation.waiting_since is None

    def test_not_while_it_is_under_way_or_was_sent(self, conversation: Conversation, laura: Actor, provider: Provider) -> None:
        message = answer(conversation, laura)
        for _ in range(2):
            with pytest.raises(SendingRefused):
                resend(message=message, by=laura)
            deliver(message_id=message.pk)

        assert len(provider.received) == 1

    def test_not_when_the_window_has_closed(self, conversation: Conversation, laura: Actor, provider: Provider) -> None:
        provider.answers = [refusal(131026)]
        message = answer(conversation, laura)
        deliver(message_id=message.pk)
        Message.objects.filter(direction=Direction.IN).update(occurred_at=timezone.now() - timedelta(hours=25))

        with pytest.raises(SendingRefused) as refused:
            resend(message=message, by=laura)

        assert refused.value.reason == "template_required"
        assert state_of(message) == ("failed", "failed")


def word(status: str, provider_id: str = "wamid.1", **fields: Any) -> StatusUpdate:
    return StatusUpdate(provider_id=provider_id, status=status, occurred_at=timezone.now(), recipient="56987654321", **fields)


class TestStatuses:
    @pytest.fixture
    def sent(self, conversation: Conversation, laura: Actor, provider: Provider) -> Message:
        message = answer(conversation, laura)
        deliver(message_id=message.pk)
        return message

    @pytest.mark.parametrize(
        ("words", "ends_as"),
        [
            (["delivered", "read"], "read"),
            (["read", "delivered", "sent"], "read"),
            (["delivered", "failed"], "delivered"),
            (["failed", "sent"], "failed"),
            (["failed", "delivered"], "delivered"),
            (["delivered", "delivered"], "delivered"),
        ],
    )
    def test_a_later_word_never_takes_it_back(self, sent: Message, whatsapp: Channel, words: list[str], ends_as: str) -> None:
        for status in words:
            apply_status(channel=whatsapp, update=word(status, code="131026", text="no WhatsApp"))

        assert state_of(sent)[0] == ends_as
        assert (sent.problem != {}) is (ends_as == "failed")
        assert StatusReceipt.objects.count() == len(set(words))

    def test_a_word_before_our_receipt_is_kept_for_it(
        self, conversation: Conversation, laura: Actor, provider: Provider, whatsapp: Channel
    ) -> None:
        apply_status(channel=whatsapp, update=word("delivered"))
        message = answer(conversation, laura)

        deliver(message_id=message.pk)

        assert state_of(message) == ("delivered", "sent")

    def test_an_echo_before_our_receipt_is_this_message(
        self, conversation: Conversation, laura: Actor, provider: Provider, whatsapp: Channel
    ) -> None:
        from inbox.adapters import Address

        echo = InboundMessage(
            provider_id="wamid.1", sender=Address("whatsapp", "56987654321"), occurred_at=timezone.now(), body="le cuento", is_echo=True
        )
        message = answer(conversation, laura)
        assert receive(channel=whatsapp, inbound=echo) is not None

        deliver(message_id=message.pk)
        assert receive(channel=whatsapp, inbound=echo) is None

        assert [m.pk for m in Message.objects.filter(direction=Direction.OUT)] == [message.pk]
        conversation.refresh_from_db()
        assert conversation.message_count == 2

    def test_our_key_coming_back_settles_what_was_unknown(
        self, conversation: Conversation, laura: Actor, provider: Provider, whatsapp: Channel
    ) -> None:
        provider.answers = [None]
        message = answer(conversation, laura)
        deliver(message_id=message.pk)
        key = provider.received[0]["biz_opaque_callback_data"]

        apply_status(channel=whatsapp, update=word("delivered", "wamid.lost", key=key))

        assert state_of(message) == ("delivered", "sent")
        assert (message.provider_id, message.problem) == ("wamid.lost", {})

    def test_another_channels_word_changes_nothing(self, sent: Message, scoped: Account, provider: Provider) -> None:
        assert apply_status(channel=whatsapp_of(scoped, provider, "otro"), update=word("read")) is None

        assert state_of(sent)[0] == "sent"

    def test_a_word_outside_the_contract_is_an_error(self, sent: Message, whatsapp: Channel) -> None:
        with pytest.raises(ValueError, match="played"):
            apply_status(channel=whatsapp, update=word("played"))


def test_another_accounts_worker_finds_nothing(
    conversation: Conversation, laura: Actor, provider: Provider, other_account: Account
) -> None:
    message = answer(conversation, laura)

    with account_scope(other_account):
        deliver(message_id=message.pk)
        assert make_member(other_account)

    assert state_of(message) == ("queued", "queued")
    assert provider.received == []


def test_the_email_names_what_it_answers(scoped: Account, agent: Membership) -> None:
    from inbox import adapters

    class Threads:
        """What the inbox asks of a channel that threads by reference; nothing is sent here."""

        kind, address_kind, reaches, threads_by_reference = "email", "email", frozenset({"email"}), True

    mailbox = make_channel(scoped, "email")
    conversation = make_conversation(make_profile(mailbox, "maria@ejemplo.cl"), subject="Pedido 991")
    say(conversation, "uno", minutes=1, provider_id="<1@x>")
    say(conversation, "dos", minutes=2, provider_id="<2@hilo>", direction=Direction.OUT, author_kind="person")
    last = say(conversation, "tres", minutes=3, provider_id="<3@x>")
    before = adapters._adapters.get("email")
    adapters._adapters["email"] = Threads()  # type: ignore[assignment]
    try:
        message = answer(conversation, Actor.person(agent))
    finally:
        adapters._adapters.pop("email")
        if before is not None:
            adapters._adapters["email"] = before

    assert message.reply_to == last
    assert message.payload == {"subject": "Pedido 991", "references": ["<1@x>", "<2@hilo>", "<3@x>"]}
    assert message.status == MessageStatus.QUEUED
