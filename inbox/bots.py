"""The greeting bot at work: when it speaks, what it passes on, and when it is quiet.

A session is one row per profile; ``due_at`` says that somebody wrote and the bot has not looked yet, so that a broker that loses
its queue loses no turn. The words are in ``inbox.greeting``.
"""

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import override

from accounts.actors import BOT
from accounts.models import Account, Channel
from accounts.queueing import enqueue
from contacts.claims import Claim, ClaimedIdentifier
from contacts.models import CONTACT_DATA, Identifier, IdentifierKind, Profile
from inbox.conversations import hold_conversation
from inbox.greeting import STEPS, Dialogue, Script, Turn, advance
from inbox.hearing import ANSWERED_AS_SUCH
from inbox.learning import learn_in_thread
from inbox.models import BotSession, Conversation, Direction, Message
from inbox.sending import SendingRefused, send_message
from inbox.thread_events import EventKind, tell_thread

# Whose messages end the bot's part: people, also by the API or in the provider's own app.
PEOPLE = ("person", "api", "native")
# Of a first contact that wrote several messages in a row.
MOST_HEARD_AT_ONCE = 10


def note_message(*, message: Message, conversation: Conversation, **_facts: Any) -> None:
    """Listener of ``inbox.announcements``: ask for the bot's turn, in the transaction that stores the message."""
    channel = message.channel
    if channel is None or not (channel.greeting_bot or {}).get("enabled") or _is_machine(message):
        return
    session, is_new = BotSession.scoped().get_or_create(
        profile=message.strand.profile, defaults={"conversation": conversation, "step": "", "due_at": timezone.now()}
    )
    if session.finished_at is not None:
        return
    if not is_new:
        BotSession.scoped().filter(pk=session.pk).update(due_at=timezone.now(), conversation=conversation)
    from inbox.tasks import greet

    enqueue(greet, account_id=message.account_id, session_id=session.pk)


def _is_machine(message: Message) -> bool:
    """Whether there is nothing for the bot to answer: machine mail, or a word about messages that was answered as such."""
    return bool(
        message.payload.get("is_automatic")
        or message.payload.get("suppresses_replies")
        or message.payload.get("heard", {}).get("sense") in ANSWERED_AS_SUCH
    )


def take_turn(*, session_id: int) -> None:
    """Read what was written since the last turn and answer it with at most one message. Safe to run any number of times."""
    session = BotSession.scoped().select_related("profile__contact", "conversation").filter(pk=session_id, finished_at=None).first()
    if session is None:
        return
    heard = _unheard(session)
    if not heard:
        BotSession.scoped().filter(pk=session.pk, heard_until=session.heard_until).update(due_at=None)
        return
    last = heard[-1]
    account = Account.objects.get(pk=session.account_id)
    channel = last.channel
    if channel is None or not (channel.greeting_bot or {}).get("enabled") or _somebody_answers(session) or _is_known(session):
        _finish(session, heard_until=last.pk)
        return
    with override(account.language):
        turn = advance(
            Dialogue(session.step, session.gathered, session.tries),
            "\n".join(message.body for message in heard),
            script=_script(account, channel, session.profile),
        )
        person = _pass_on(session, turn, last)
        if person != session.profile and not _go_on_with(session, person):
            _finish(session, heard_until=last.pk)
            return
        _answer(session, turn, last)


def _unheard(session: BotSession) -> list[Message]:
    """What the profile wrote since the bot's last turn, oldest first."""
    written = (
        Message.scoped()
        .select_related("channel", "identifier", "strand")
        .filter(strand__profile=session.profile_id, strand__conversation=session.conversation_id, direction=Direction.IN)
        .filter(pk__gt=session.heard_until)
        .order_by("-pk")
    )
    return [message for message in reversed(written[:MOST_HEARD_AT_ONCE]) if not _is_machine(message)]


def _somebody_answers(session: BotSession) -> bool:
    """Whether a person of the team has written in this conversation: then the bot has nothing more to say."""
    return Message.scoped().filter(strand__conversation=session.conversation_id, direction=Direction.OUT, author_kind__in=PEOPLE).exists()


def _knows(profile: Profile) -> tuple[bool, bool]:
    """(name, a way to answer): what is known of the profile's person."""
    has_datum = Identifier.scoped().filter(profile__contact=profile.contact_id, kind__in=CONTACT_DATA, valid_to=None).exists()
    return bool(profile.contact.name), has_datum


def _is_known(session: BotSession) -> bool:
    """Whether the writer was no stranger when the bot's first turn came."""
    return not session.step and all(_knows(session.profile))


def _script(account: Account, channel: Channel, profile: Profile) -> Script:
    knows_name, knows_contact = _knows(profile)
    wanted = channel.greeting_bot.get("ask") or STEPS
    return Script(
        account_name=account.name,
        region=account.default_region,
        greeting=str(channel.greeting_bot.get("greeting") or "").strip(),
        ask=tuple(step for step in STEPS if step in wanted),
        knows_name=knows_name,
        knows_contact=knows_contact,
    )


def _pass_on(session: BotSession, turn: Turn, last: Message) -> Profile:
    """What is new about the person is decided at once by the account's mode. Before the conversation is locked: see ``locks``.

    Returns whose it is: on a browser that somebody else used before, that is another profile.
    """
    gathered, before = turn.dialogue.gathered, session.gathered
    identifiers = tuple(
        ClaimedIdentifier(kind, gathered[kind])
        for kind in (IdentifierKind.EMAIL, IdentifierKind.PHONE)
        if kind in gathered and kind not in before
    )
    given = {name: gathered[name] for name in ("name", "reason") if name in gathered and name not in before}
    if identifiers or given:
        claim = Claim(identifiers=identifiers, given=given)
        return learn_in_thread(profile=session.profile, claim=claim, occurred_at=last.occurred_at, cause=f"bot:{last.pk}").profile
    return session.profile


@transaction.atomic
def _go_on_with(session: BotSession, person: Profile) -> bool:
    """Hand the dialogue to the person who turned out to have it; ``False`` where the bot has had one with them before."""
    BotSession.scoped().select_for_update().get(pk=session.pk)
    if BotSession.scoped().filter(profile=person).exists():
        return False
    BotSession.scoped().filter(pk=session.pk).update(profile=person)
    session.profile = person
    return True


@transaction.atomic
def _answer(session: BotSession, turn: Turn, last: Message) -> None:
    """Say it, unless another worker did or a person wrote meanwhile: both are looked at under the conversation's lock."""
    conversation = hold_conversation(session.conversation_id)
    locked = BotSession.scoped().select_for_update().get(pk=session.pk)
    if locked.heard_until != session.heard_until or locked.finished_at is not None:
        return
    if _somebody_answers(locked):
        _finish(locked, heard_until=last.pk)
        return
    said = _say(conversation, turn, last)
    locked.step, locked.gathered, locked.tries = turn.dialogue.step, dict(turn.dialogue.gathered), turn.dialogue.tries
    locked.heard_until = last.pk
    locked.due_at = None
    if turn.ends or not said:
        locked.step, locked.finished_at = "done", timezone.now()
        why = turn.ends if said else "refused"
        tell_thread(strand=last.strand, kind=EventKind.BOT, by=BOT, why=why, **locked.gathered)
    locked.save()


def _say(conversation: Conversation, turn: Turn, last: Message) -> bool:
    """Whether the reply was accepted for sending; the gate may refuse it."""
    if last.channel is None or last.identifier is None:
        return False
    try:
        send_message(
            conversation=conversation,
            channel=last.channel,
            identifier=last.identifier,
            body=turn.reply,
            by=BOT,
            client_key=f"bot:{last.pk}",
        )
    except SendingRefused:
        return False
    return True


def _finish(session: BotSession, *, heard_until: int) -> None:
    """End without a word: somebody else has the conversation, or there is nothing to ask."""
    BotSession.scoped().filter(pk=session.pk, finished_at=None).update(
        step="done", finished_at=timezone.now(), due_at=None, heard_until=heard_until
    )
