"""The gate that every outgoing message passes, when it is accepted and again right before it leaves.

The rules are in ``consent.judging``; here they are asked, and what they said is kept. The gate fails closed: whatever goes wrong, the
answer is no.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, connection
from django.utils import timezone

from consent.facts import gather_facts
from consent.fingerprints import PointRef
from consent.judging import judge, refusal
from consent.models import Decision, PolicySnapshot
from consent.points import ensure_point
from consent.questions import BOT, HUMAN, Facts, Question, Rulebook, Ruling
from consent.vocabulary import Category, Reason, Verdict

__all__ = [
    "BOT",
    "HUMAN",
    "Category",
    "Clearance",
    "NotCleared",
    "Question",
    "Reason",
    "Ruling",
    "Verdict",
    "decide",
    "decide_many",
    "keep",
    "replay",
]

log = structlog.get_logger("hilo.consent")

# How many questions share one pair of queries.
AT_ONCE = 2000
# How long a clearance is good for: the time to open a connection, not the time to wait in a queue.
FRESH_FOR = timedelta(minutes=1)


class NotCleared(Exception):
    """A message was about to be handed over without a fresh word of the gate about it. Nothing was sent."""


class Clearance:
    """The gate's fresh ALLOW for one message: what a sender has to show before it calls a provider."""

    __slots__ = ("_cleared_at", "ruling")

    def __init__(self, ruling: Ruling) -> None:
        """Raises ``NotCleared`` for a ruling that is no ALLOW about a named message."""
        if not ruling.allowed or not ruling.question.subject:
            raise NotCleared(ruling.reason)
        self.ruling = ruling
        self._cleared_at = timezone.now()

    def require(self, subject: str) -> None:
        """Raise ``NotCleared`` unless this is about ``subject`` and the gate said so just now."""
        if self.ruling.question.subject != subject or timezone.now() > self._cleared_at + FRESH_FOR:
            raise NotCleared(subject)


def decide(
    *,
    point: PointRef,
    profile_id: int | None,
    channel: str,
    purpose: str,
    at: datetime,
    sender_id: int | None = None,
    content_category: str = "",
    actor: str = HUMAN,
    reply_to_at: datetime | None = None,
    inbound_known: bool = False,
    last_inbound_at: datetime | None = None,
    template: str = "",
    similar_product: bool = False,
    asked_now: bool = False,
    is_bulk: bool = False,
    has_unsubscribe: bool = False,
    subject: str = "",
) -> Ruling:
    """Whether one message may leave at ``at``; the arguments are those of ``Question``. Two queries."""
    question = Question(
        ref=point,
        profile_id=profile_id,
        channel=channel,
        purpose=purpose,
        at=at,
        sender_id=sender_id,
        actor=actor,
        category=content_category,
        reply_to_at=reply_to_at,
        inbound_known=inbound_known,
        last_inbound_at=last_inbound_at,
        template=template,
        similar_product=similar_product,
        asked_now=asked_now,
        is_bulk=is_bulk,
        has_unsubscribe=has_unsubscribe,
        subject=subject,
    )
    return decide_many([question])[0]


def decide_many(questions: Sequence[Question]) -> list[Ruling]:
    """The same for many messages, in their order. Two queries for each two thousand."""
    rulings: list[Ruling] = []
    for start in range(0, len(questions), AT_ONCE):
        batch = questions[start : start + AT_ONCE]
        try:
            gathered = gather_facts(batch)
        except DatabaseError:
            if connection.in_atomic_block:
                # The transaction is lost, and with it whatever would have been sent.
                raise
            log.exception("gate_unavailable", questions=len(batch))
            rulings += [refusal(question, "error") for question in batch]
        except Exception:
            log.exception("gate_unavailable", questions=len(batch))
            rulings += [refusal(question, "error") for question in batch]
        else:
            rulings += [_judge(question, *known) for question, known in zip(batch, gathered, strict=True)]
    return rulings


def _judge(question: Question, facts: Facts, rulebook: Rulebook) -> Ruling:
    try:
        return judge(question, facts, rulebook)
    except Exception:
        log.exception("gate_unavailable", subject=question.subject)
        return refusal(question, "error", facts=facts, rulebook=rulebook)


def keep(ruling: Ruling, *, stage: str) -> Decision:
    """Store what was decided with everything it was drawn from. Call it in the transaction that acts on it."""
    question, version = ruling.question, ""
    if ruling.rulebook is not None:
        content = ruling.rulebook.as_json()
        version = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:40]
        PolicySnapshot.objects.bulk_create([PolicySnapshot(version=version, content=content)], ignore_conflicts=True)
    return Decision.objects.create(
        subject=question.subject,
        stage=stage,
        point=ensure_point(question.ref),
        profile_id=question.profile_id,
        channel_id=question.sender_id,
        purpose=question.purpose,
        category=question.category,
        verdict=ruling.verdict,
        reasons=[{"row": found.row, "reason": str(found.reason), "detail": found.detail} for found in ruling.findings],
        obligations=list(ruling.obligations),
        not_before=ruling.not_before,
        counts=ruling.counts,
        policy_version=version,
        state_sequence=ruling.facts.sequence if ruling.facts is not None else 0,
        question=question.as_json(),
        facts=ruling.facts.as_json() if ruling.facts is not None else {},
        at=question.at,
    )


def replay(decision: Decision) -> Ruling:
    """Draw a stored decision again from what it was drawn from: the same verdict for the same reasons, or the rows have changed.

    What an older version stored is read as far as it says the same: fields that are gone are left out, new ones have their defaults.
    Raises ``LookupError`` for a decision that was made while the gate was unavailable, and for one that cannot be read at all.
    """
    snapshot = PolicySnapshot.scoped().filter(version=decision.policy_version).first()
    if snapshot is None or not decision.facts:
        raise LookupError(f"decision {decision.pk} was made without facts or rules")
    try:
        question, facts = Question.from_json(decision.question), Facts.from_json(decision.facts)
        rulebook = Rulebook.from_json(snapshot.content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LookupError(f"decision {decision.pk} cannot be read") from error
    return judge(question, facts, rulebook)
