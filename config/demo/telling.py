"""Tell the planned history to Hilo, step by step: what customers wrote goes through the doors that real messages take."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from accounts.models import Account, Channel, Membership
from accounts.roles import Role
from config.demo.history import STILL_OPEN, Step
from config.simulator import wire
from contacts.claims import Address, Claim, ClaimedIdentifier
from inbox.adapters import InboundMessage
from inbox.conversations import lock_conversation
from inbox.counters import count_in
from inbox.models import Conversation, ConversationStatus, Direction, Message, MessageStatus, ReadMark
from inbox.receiving import process_event, receive, store_event
from inbox.thread_events import EventKind, tell_thread


@dataclass
class Teller:
    """Carries what is known so far of each case: the last message, and who answers."""

    account: Account
    channels: Mapping[str, Channel]
    agents: Sequence[Membership]
    cases: int
    last: dict[int, Message] = field(default_factory=dict)
    visitors: dict[str, uuid.UUID] = field(default_factory=dict)

    def tell(self, step: Step) -> None:
        """One step; they come oldest first. Runs in the account's scope."""
        if step.who == "customer":
            self._customer(step)
        elif step.case in self.last:
            self._team(step)
        if step.ends and step.case in self.last and step.case < self.cases - STILL_OPEN:
            self._resolve(step)

    def _customer(self, step: Step) -> None:
        channel = self.channels[step.channel]
        provider_id = f"demo-{step.case}-{int(step.at.timestamp())}"
        if step.channel == "webchat":
            receive(channel=channel, inbound=self._from_visitor(step, provider_id))
        else:
            body = self._wire(step, channel, provider_id)
            # A mail's own date is believed only near the hour at which our mail server says that it took it.
            context = {"received_at": step.at.isoformat()} if step.channel == "email" else {}
            event = store_event(channel=channel, body=body, context=context)
            if event is not None:
                process_event(event_id=event.pk)
        as_stored = f"<{provider_id}@casilla.example>" if step.channel == "email" else provider_id
        message = Message.objects.select_related("strand", "channel").filter(channel=channel, provider_id=as_stored).first()
        if message is not None:
            self.last[step.case] = message

    def _wire(self, step: Step, channel: Channel, provider_id: str) -> bytes:
        if step.channel == "whatsapp":
            payload = wire.whatsapp_message(
                phone_number_id=channel.settings["phone_number_id"],
                wamid=provider_id,
                wa_id=step.address,
                name=step.spelling,
                at=step.at,
                content=wire.whatsapp_text(step.text),
            )
            return wire.as_body(payload)
        if step.channel == "instagram":
            payload = wire.instagram_message(
                account_id=channel.settings["ig_user_id"], sender=step.address, mid=provider_id, at=step.at, message={"text": step.text}
            )
            return wire.as_body(payload)
        earlier = self.last.get(step.case)
        mail = wire.email_message(
            sender=step.address,
            sender_name=step.spelling,
            recipient=channel.settings["address"],
            subject=step.subject if earlier is None else f"Re: {step.subject}",
            text=step.text,
            at=step.at,
            message_id=f"<{provider_id}@casilla.example>",
            answers=[earlier.provider_id] if earlier is not None and earlier.channel_id == channel.pk else [],
        )
        return mail.as_bytes()

    def _from_visitor(self, step: Step, provider_id: str) -> InboundMessage:
        """What the widget hands over: a visitor of its own per person, and the email where they filled in the form."""
        visitor = self.visitors.setdefault(step.address, uuid.uuid4())
        identifiers = [
            ClaimedIdentifier(kind="visitor", raw=str(visitor), certainty="attested", scope=f"channel:{self.channels['webchat'].pk}")
        ]
        if step.leaves_email:
            identifiers.append(ClaimedIdentifier(kind="email", raw=step.leaves_email))
        return InboundMessage(
            provider_id=provider_id,
            sender=Address(kind="visitor", value=str(visitor)),
            occurred_at=step.at,
            claim=Claim(identifiers=tuple(identifiers), given={"name": step.spelling} if step.leaves_email else {}),
            body=step.text,
        )

    def _team(self, step: Step) -> None:
        """An answer or a note of that day. Nothing leaves: what is in the past was sent in the past."""
        last = self.last[step.case]
        conversation = lock_conversation(last.strand.conversation_id)
        author = self.agents[step.case % len(self.agents)]
        is_note = step.who == "note"
        message = Message.objects.create(
            strand=last.strand,
            direction=Direction.NOTE if is_note else Direction.OUT,
            kind="note" if is_note else "text",
            body=step.text,
            channel=None if is_note else last.channel,
            identifier=None if is_note else last.identifier,
            provider_id="" if is_note else f"<demo-answer-{step.case}-{int(step.at.timestamp())}@{self.account.slug}.example>",
            author=author,
            author_kind="person",
            status=MessageStatus.RECEIVED if is_note else MessageStatus.READ,
            occurred_at=step.at,
        )
        if conversation.assignee_id is None:
            conversation.assignee = author
        if is_note:
            conversation.save(update_fields=["assignee"])
        else:
            count_in(conversation, message)
            self.last[step.case] = message

    def _resolve(self, step: Step) -> None:
        last = self.last[step.case]
        at = step.at + timedelta(minutes=3)
        Conversation.objects.filter(pk=last.strand.conversation_id).update(
            status=ConversationStatus.RESOLVED, resolved_at=at, waiting_since=None, asks_who=False
        )
        tell_thread(strand=last.strand, kind=EventKind.RESOLVED, at=at)

    def leave_read(self) -> None:
        """Everybody has read what is resolved; what is open shows as unread where the customer wrote last."""
        seen = Conversation.objects.filter(status=ConversationStatus.RESOLVED, last_inbound_at__isnull=False)
        members = Membership.objects.filter(role__in=[Role.AGENT, Role.SUPERVISOR, Role.ADMIN])
        marks = [
            ReadMark(conversation_id=pk, membership=member, read_at=read_at)
            for pk, read_at in seen.values_list("pk", "last_inbound_at")
            for member in members
        ]
        ReadMark.objects.bulk_create(marks, batch_size=1000, ignore_conflicts=True)
