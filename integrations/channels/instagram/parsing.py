"""From a webhook's bytes to what happened: messages, echoes, reactions, withdrawals, reads, comments."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contacts.claims import Address, Claim, ClaimedIdentifier
from contacts.models import Certainty, IdentifierKind
from inbox.adapters import (
    Inbound,
    InboundFile,
    InboundMessage,
    MessageEdit,
    MessageReaction,
    MessageWithdrawal,
    PartNotRead,
    ReadUpTo,
    UnreadableEvent,
)
from integrations.meta.reading import MAX_ADDRESS, UnreadablePart, all_rows, entries, identifier, mapping, moment, rows, text

# What an attachment is to the person who reads it. Posts and reels that were shared are shown as what they link to.
KINDS = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "file": "document",
    "story_mention": "story_mention",
    "like_heart": "sticker",
}
# Which app may answer now: the business's own affair.
BETWEEN_APPS = frozenset({"pass_thread_control", "take_thread_control", "request_thread_control", "app_roles"})
COMMENTS = frozenset({"comments", "live_comments"})


def parse(body: bytes, *, ig_user_id: str, received_at: Any = None) -> list[Inbound]:
    """Everything that happened on the channel's account, in the order of the batch.

    A part that cannot be read is a message of kind ``unsupported`` where it names its sender and id, else a ``PartNotRead``.
    Raises ``UnreadableEvent`` where nothing is for this account.
    """
    parts: list[Inbound] = []
    foreign: set[str] = set()
    for entry in entries(body, expected="instagram"):
        if isinstance(entry, PartNotRead):
            parts.append(entry)
            continue
        owner = text(entry, "id")
        if owner and owner != ig_user_id:
            foreign.add(owner)
            continue
        reader = _Entry(ig_user_id, entry.get("time"), received_at)
        for item in (*all_rows(entry, "messaging"), *all_rows(entry, "standby")):
            parts += reader.read(reader.messaging, item)
        for change in all_rows(entry, "changes"):
            value = mapping(change, "value")
            if isinstance(change, PartNotRead):
                parts.append(change)
            elif text(change, "field") in COMMENTS:
                parts += reader.read(reader.comment, {**value, "surface": text(change, "field")})
            elif mapping(value, "sender") and mapping(value, "recipient"):
                # The same event as in 'messaging', in the envelope that some subscriptions use.
                parts += reader.read(reader.messaging, value)
            elif text(change, "field") != "story_insights":
                parts.append(PartNotRead(f"Hilo takes nothing from '{text(change, 'field')[:80]}'"))
    if foreign:
        other = f"This is for Instagram account {', '.join(sorted(foreign))[:300]}; the channel's is {ig_user_id}."
        if not parts:
            raise UnreadableEvent(f"{other} Correct the channel and replay.")
        parts.append(PartNotRead(other))
    return parts


@dataclass(frozen=True)
class _Entry:
    ig_user_id: str
    time: Any
    received_at: Any

    def read(self, reader: Callable[[dict[str, Any]], list[Inbound]], part: dict[str, Any] | PartNotRead) -> list[Inbound]:
        if isinstance(part, PartNotRead):
            return [part]
        try:
            return reader(part)
        except UnreadablePart as error:
            return [PartNotRead(f"{', '.join(sorted(part)[:12])[:200]}: {error}")]

    def messaging(self, item: dict[str, Any]) -> list[Inbound]:
        sender, recipient = text(item, "sender", "id"), text(item, "recipient", "id")
        message = mapping(item, "message")
        is_echo = message.get("is_echo") is True or sender == self.ig_user_id
        other = recipient if is_echo else sender
        if other == self.ig_user_id or any(kind in item for kind in BETWEEN_APPS):
            return []
        if not other or len(other) > MAX_ADDRESS:
            raise UnreadablePart("nobody else is named")
        at = self._at(item.get("timestamp"))
        who = Address(IdentifierKind.INSTAGRAM, other)
        if message:
            return [self._message(item, message, who, at, is_echo=is_echo)]
        if reaction := mapping(item, "reaction"):
            emoji = "" if text(reaction, "action") == "unreact" else text(reaction, "emoji") or text(reaction, "reaction")
            return [] if is_echo else [MessageReaction(identifier(reaction, "mid"), who, emoji[:64], at)]
        if edit := mapping(item, "message_edit"):
            return [MessageEdit(identifier(edit, "mid"), who, text(edit, "text"), at)]
        if "read" in item:
            return [] if is_echo else [ReadUpTo(who, at)]
        for kind in ("postback", "referral", "optin"):
            if fact := mapping(item, kind):
                return [self._pressed(item, kind, fact, who, at)]
        raise UnreadablePart("it is no event that we know")

    def _message(self, item: dict[str, Any], message: dict[str, Any], who: Address, at: datetime, *, is_echo: bool) -> Inbound:
        mid = identifier(message, "mid")
        if message.get("is_deleted") is True:
            return MessageWithdrawal(mid, who, at)
        attachments = rows(message, "attachments")
        files = tuple(file for attachment in attachments if (file := _file(attachment)) is not None)
        story = mapping(message, "reply_to", "story")
        payload: dict[str, Any] = {}
        body = text(message, "text")
        if message.get("is_unsupported") is True:
            kind = "unsupported"
        elif story:
            kind, payload["story"] = "story_reply", {"id": text(story, "id")}
            files += tuple(InboundFile(remote={"url": url}) for url in [text(story, "url")] if url)
        elif attachments:
            kind = KINDS.get(text(attachments[0], "type"), "share" if files else "unsupported")
            payload["shared"] = [found for attachment in attachments if (found := _shared(attachment))]
        elif body:
            kind = "text"
        else:
            kind = "unsupported"
        if kind == "unsupported" and attachments:
            payload["type"] = text(attachments[0], "type")[:40]
        payload["quick_reply"] = text(message, "quick_reply", "payload")
        payload["referral"] = mapping(message, "referral")
        answered = text(message, "reply_to", "mid")
        return InboundMessage(
            provider_id=mid,
            sender=who,
            occurred_at=at,
            claim=self._claim(who),
            kind=kind,
            body=body,
            payload={key: value for key, value in payload.items() if value},
            files=files,
            reply_to=(answered,) if answered else (),
            is_echo=is_echo,
            raw=item,
        )

    def _pressed(self, item: dict[str, Any], kind: str, fact: dict[str, Any], who: Address, at: datetime) -> Inbound:
        """A button, a link into the conversation. Often without an id: who, when and what make one."""
        chosen = text(fact, "payload") or text(fact, "ref")
        mid = text(fact, "mid")
        if not mid:
            told = "\n".join((who.value, str(item.get("timestamp")), kind, chosen))
            mid = f"{kind}:{hashlib.sha256(told.encode()).hexdigest()[:40]}"
        facts = {"payload": chosen, "source": text(fact, "source"), "type": kind, "ad": text(fact, "ad_id")}
        return InboundMessage(
            provider_id=identifier({"mid": mid}, "mid"),
            sender=who,
            occurred_at=at,
            claim=self._claim(who),
            kind="button" if kind == "postback" else "system",
            body=text(fact, "title"),
            payload={key: value for key, value in facts.items() if value},
            raw=item,
        )

    def comment(self, value: dict[str, Any]) -> list[Inbound]:
        author = identifier(value, "from", "id", longest=MAX_ADDRESS)
        if author == self.ig_user_id:
            return []
        who = Address(IdentifierKind.INSTAGRAM, author)
        facts = {
            "media": text(value, "media", "id"),
            "surface": text(value, "media", "media_product_type"),
            "live": value["surface"] == "live_comments",
        }
        above = text(value, "parent_id")
        return [
            InboundMessage(
                provider_id=identifier(value, "id"),
                sender=who,
                occurred_at=self._at(value.get("timestamp") or self.time),
                claim=self._claim(who, username=text(value, "from", "username")),
                kind="comment",
                body=text(value, "text"),
                payload={key: found for key, found in facts.items() if found},
                reply_to=(above,) if above else (),
                raw=value,
            )
        ]

    def _claim(self, who: Address, *, username: str = "") -> Claim:
        """The id is scoped to the account that was written to; the user name is an attribute, since it may change hands."""
        attested = ClaimedIdentifier(IdentifierKind.INSTAGRAM, who.value, Certainty.ATTESTED, scope=f"instagram:{self.ig_user_id}")
        return Claim(identifiers=(attested,), given={"username": username[:100]} if username else {})

    def _at(self, value: Any) -> datetime:
        try:
            return moment(value)
        except UnreadablePart:
            return moment(self.time, fallback=self.received_at)


def _file(attachment: dict[str, Any]) -> InboundFile | None:
    """The bytes behind an attachment. Their addresses expire, so they are fetched right after."""
    url = text(attachment, "payload", "url")
    return InboundFile(remote={"url": url}) if url.startswith(("https://", "http://")) else None


def _shared(attachment: dict[str, Any]) -> dict[str, str]:
    """What was shared, where it is no file of the sender's own: a post, a reel, a product."""
    kind = text(attachment, "type")
    if kind in KINDS:
        return {}
    payload = mapping(attachment, "payload")
    facts = {
        "type": kind[:40],
        "title": text(payload, "title")[:500],
        "id": text(payload, "reel_video_id") or text(payload, "ig_post_media_id"),
    }
    return {key: value for key, value in facts.items() if value}
