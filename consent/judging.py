"""The decision table, row by row. Pure: what is asked, what is known and the rules in; a ruling out.

Every row is looked at and every finding kept. DENY beats CONVERT beats DEFER; what an answer or a code is excused from stands beside.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from consent.questions import HUMAN, Facts, Finding, PurposeRule, Question, Rulebook, Ruling
from consent.quiet_times import Calendar, NoTimeFound, QuietHours, kept_back_by, next_time, zones_for
from consent.standing import Grant, Standing, standing
from consent.vocabulary import Category, PurposeClass, Reason, State, SuppressionReason, Verdict

# Free text on WhatsApp; anything on Instagram and Messenger, by a person with the human-agent tag for seven days.
SERVICE_WINDOW = timedelta(hours=24)
HUMAN_WINDOW = timedelta(days=7)
META = frozenset({"instagram", "messenger"})
TELEPHONY = frozenset({"sms", "voice"})
# A bot answers what was just said, or it does not answer.
BOT_WINDOW = timedelta(hours=24)

DENY, CONVERT, DEFER, ALLOW = Verdict.DENY, Verdict.CONVERT, Verdict.DEFER, Verdict.ALLOW
STRICTEST = (DENY, CONVERT, DEFER, ALLOW)
# Of several findings with the same verdict, the first of these decides.
ALLOWING = (Reason.HUMAN_AGENT_TAG, Reason.CODE_ASKED_FOR, Reason.SERVICE_REPLY, Reason.SOFT_OPT_IN, Reason.ALLOWED)
EXCUSED_BY_REPLY = frozenset({4, 5, 6, 7, 8, 12, 13})
EXCUSED_BY_CODE = frozenset({12, 13})


class Case:
    """One question with everything that the rows look at."""

    def __init__(self, question: Question, facts: Facts, rulebook: Rulebook, purpose: PurposeRule) -> None:
        self.question, self.facts, self.rulebook, self.purpose = question, facts, rulebook, purpose
        self.kind = purpose.purpose_class
        # A promotion is one whatever it is sent as: row 11 refuses the disguise, and the rows of marketing are asked too.
        self.is_marketing = self.kind is PurposeClass.MARKETING or question.category == Category.PROMOTIONAL
        self.standing: Standing = standing(
            facts.cells,
            profile_id=question.profile_id,
            channel=question.channel,
            purpose=question.purpose,
            is_shared=facts.is_shared,
            recycled_at=facts.recycled_at,
        )

    @property
    def is_reply(self) -> bool:
        """Row 15: an answer to what they wrote, inside its window, that promotes nothing."""
        question = self.question
        if question.reply_to_at is None or self.is_marketing or question.is_bulk or self.kind is not PurposeClass.SERVICE:
            return False
        if question.actor != HUMAN and question.at >= question.reply_to_at + BOT_WINDOW:
            return False
        return bool(question.template) or self.window is None or question.at < self.window

    @property
    def window(self) -> datetime | None:
        """When the platform stops taking an answer in free text; ``None`` where the channel has no such thing."""
        if self.question.channel == "whatsapp":
            length = SERVICE_WINDOW
        elif self.question.channel in META:
            length = HUMAN_WINDOW if self.question.actor == HUMAN else SERVICE_WINDOW
        else:
            return None
        heard = self.heard_at
        return self.question.at if heard is None else heard + length

    @property
    def heard_at(self) -> datetime | None:
        """When the point last wrote on this channel."""
        return self.question.last_inbound_at if self.question.inbound_known else self.facts.last_inbound_at


def judge(question: Question, facts: Facts, rulebook: Rulebook) -> Ruling:
    """Answer one question. An unknown purpose, or a country that nobody has rules for where one is needed, is a no."""
    if rulebook.purpose is None or not rulebook.purpose.is_active:
        return refusal(question, "purpose", facts=facts, rulebook=rulebook)
    case = Case(question, facts, rulebook, rulebook.purpose)
    try:
        findings = [finding for row in ROWS for finding in row(case)]
    except (KeyError, NoTimeFound) as error:
        # A rule of the country is missing, or the rules leave no time at all.
        return refusal(question, "no_time" if isinstance(error, NoTimeFound) else "country", facts=facts, rulebook=rulebook)
    excuses = _excuses(findings)
    standing_ones = [finding for finding in findings if finding.row not in excuses]
    if not standing_ones:
        standing_ones.append(Finding(0, ALLOW, Reason.ALLOWED))
    ordered = tuple(sorted(standing_ones, key=_rank))
    verdict = ordered[0].verdict
    ruling = Ruling(
        verdict=verdict,
        findings=ordered,
        question=question,
        facts=facts,
        rulebook=rulebook,
        obligations=tuple(_obligations(case, ordered)),
        excused=tuple(finding for finding in findings if finding.row in excuses),
        counts=not any(finding.row in (15, 16) for finding in ordered),
    )
    return replace(ruling, not_before=_not_before(case, ordered)) if verdict is DEFER else ruling


def refusal(question: Question, detail: str, *, facts: Facts | None = None, rulebook: Rulebook | None = None) -> Ruling:
    """Row 1: the rules could not be asked, so nothing leaves."""
    finding = Finding(1, DENY, Reason.GATE_UNAVAILABLE, detail)
    return Ruling(verdict=DENY, findings=(finding,), question=question, facts=facts, rulebook=rulebook)


def _rank(finding: Finding) -> tuple[int, int, int]:
    preferred = ALLOWING.index(finding.reason) if finding.verdict is ALLOW else 0
    return STRICTEST.index(finding.verdict), preferred, finding.row


def _excuses(findings: list[Finding]) -> frozenset[int]:
    fired = {finding.row for finding in findings}
    return (EXCUSED_BY_REPLY if 15 in fired else frozenset()) | (EXCUSED_BY_CODE if 16 in fired else frozenset())


def _suppressed(case: Case) -> Iterator[Finding]:
    """Row 2. A legal duty goes through; a bounce is over once the mailbox has written."""
    if case.kind is PurposeClass.LEGAL:
        return
    if case.standing.state is State.SUPPRESSED:
        yield Finding(2, DENY, Reason.SUPPRESSED, "suppressed")
    welcomed_at = case.standing.welcomed_at
    for each in case.facts.suppressed:
        if each.reason == SuppressionReason.REGISTRY:
            continue
        lifted = welcomed_at is not None and welcomed_at > each.at
        if each.reason == SuppressionReason.HARD_BOUNCE:
            lifted = lifted or (case.heard_at is not None and case.heard_at > each.at)
        if not lifted:
            yield Finding(2, DENY, Reason.SUPPRESSED, each.reason)


def _stopped(case: Case) -> Iterator[Finding]:
    """Row 3. One confirmation may follow a stop word."""
    stopped_at = case.standing.stopped_at
    if stopped_at is None or case.question.channel not in TELEPHONY:
        return
    confirmed_at = case.facts.stop_confirmed_at
    confirms = case.question.category == Category.STOP_CONFIRMATION and (confirmed_at is None or confirmed_at < stopped_at)
    if not confirms:
        yield Finding(3, DENY, Reason.STOPPED)


def _withdrawn(case: Case) -> Iterator[Finding]:
    """Row 4."""
    if case.is_marketing and case.standing.state in (State.WITHDRAWN, State.OBJECTED):
        yield Finding(4, DENY, Reason.WITHDRAWN, case.standing.state.value)


def _platform_opt_out(case: Case) -> Iterator[Finding]:
    """Row 5."""
    if not case.is_marketing:
        return
    if case.standing.platform_stopped_at is not None:
        yield Finding(5, DENY, Reason.PLATFORM_OPT_OUT, "person")
    if case.rulebook.country is not None:
        bans = case.rulebook.country["platform_ban"]
        if any(ban["channel"] == case.question.channel and str(PurposeClass.MARKETING) in ban["classes"] for ban in bans):
            yield Finding(5, DENY, Reason.PLATFORM_OPT_OUT, "country")


def _without_grant(case: Case) -> Iterator[Finding]:
    """Rows 6 and 7. A promotion needs a grant that still counts, or a purchase where the country lets that stand for one."""
    if not case.is_marketing or any(_is_valid(case, grant) for grant in case.standing.grants if case.standing.state is State.GRANTED):
        return
    if case.standing.state is State.NONE and _soft_opt_in(case):
        yield Finding(7, ALLOW, Reason.SOFT_OPT_IN)
        return
    yield Finding(6, DENY, Reason.NO_CONSENT, _what_is_missing(case))


def _is_valid(case: Case, grant: Grant) -> bool:
    return not _flaw(case, grant)


def _flaw(case: Case, grant: Grant) -> str:
    if case.purpose.double_opt_in and not grant.is_proven:
        return "unconfirmed"
    if grant.notice < case.purpose.material_notice:
        return "older_notice"
    days = [days for days in (case.purpose.expires_after_days, _country_expiry(case)) if days is not None]
    if days and case.question.at >= grant.at + timedelta(days=min(days)):
        return "expired"
    return ""


def _country_expiry(case: Case) -> int | None:
    rule = case.rulebook.country.values.get("consent_expiry") if case.rulebook.country is not None else None
    return int(rule["days"]) if rule else None


def _what_is_missing(case: Case) -> str:
    if case.standing.state is State.PENDING:
        return "pending"
    for grant in case.standing.grants:
        return _flaw(case, grant)
    if any(cell.is_own and (cell.proven_at or cell.attested_at) for cell in case.facts.cells) and case.facts.recycled_at is not None:
        return "recycled"
    return "without_proof" if case.standing.claimed_at is not None else "never_asked"


def _soft_opt_in(case: Case) -> bool:
    if case.standing.soft_at is None or case.rulebook.country is None:
        return False
    rule = case.rulebook.country["soft_opt_in"]
    if rule is None or case.question.channel not in rule["channels"]:
        return False
    return case.question.similar_product or not rule["similar_only"]


def _registry(case: Case) -> Iterator[Finding]:
    """Row 8. A copy of the list that is too old, or was never taken, is as good as a hit."""
    if not case.is_marketing or case.rulebook.country is None:
        return
    rule = case.rulebook.country["registry"]
    if rule is None or case.question.channel not in rule["channels"]:
        return
    if any(each.reason == SuppressionReason.REGISTRY for each in case.facts.suppressed):
        yield Finding(8, DENY, Reason.REGISTRY, "listed")
    updated_at = case.rulebook.account.registry_updated_at
    if updated_at is None or case.question.at > updated_at + timedelta(days=int(rule["max_age_days"])):
        yield Finding(8, DENY, Reason.REGISTRY, "list_too_old")


def _windows(case: Case) -> Iterator[Finding]:
    """Rows 9 and 10."""
    question, heard_at = case.question, case.heard_at
    if question.channel == "whatsapp" and not question.template:
        if heard_at is None or question.at >= heard_at + SERVICE_WINDOW:
            yield Finding(9, CONVERT, Reason.TEMPLATE_REQUIRED)
    elif question.channel in META:
        if heard_at is None:
            yield Finding(10, DENY, Reason.NEVER_WROTE)
        elif question.at >= heard_at + SERVICE_WINDOW:
            may = question.actor == HUMAN and not question.is_bulk and not case.is_marketing and question.at < heard_at + HUMAN_WINDOW
            if may:
                yield Finding(10, ALLOW, Reason.HUMAN_AGENT_TAG, until=heard_at + HUMAN_WINDOW)
            else:
                yield Finding(10, DENY, Reason.WINDOW_CLOSED)


def _category(case: Case) -> Iterator[Finding]:
    """Row 11: what is promotional goes out as marketing or not at all, by its text or by its template."""
    promotes = case.question.category == Category.PROMOTIONAL or case.question.template == PurposeClass.MARKETING
    if promotes and case.kind is not PurposeClass.MARKETING:
        yield Finding(11, DENY, Reason.CATEGORY_MISMATCH)


def _times(case: Case) -> Iterator[Finding]:
    """Row 12. Where nobody has rules for the country, nobody knows when one may write there: that is a no."""
    at = case.question.at
    if case.rulebook.country is None:
        yield Finding(12, DENY, Reason.GATE_UNAVAILABLE, "country")
        return
    pauses = [wish.paused_until for wish in case.facts.wishes if wish.paused_until is not None and wish.paused_until > at]
    if pauses:
        yield Finding(12, DEFER, Reason.PAUSED, not_before=max(pauses))
    if why := kept_back_by(_calendar(case), at):
        yield Finding(12, DEFER, Reason(why), not_before=next_time(_calendar(case), at))


def _calendar(case: Case) -> Calendar:
    country = case.rulebook.country
    if country is None:
        raise KeyError("country")
    wishes, account = case.facts.wishes, case.rulebook.account
    own = [wish.timezone for wish in wishes if wish.profile_id == case.question.profile_id]
    others = [wish.timezone for wish in wishes if wish.profile_id != case.question.profile_id]
    hours = [(account.quiet_from, account.quiet_to), *((wish.quiet_from, wish.quiet_to) for wish in wishes)]
    return Calendar(
        zones=zones_for(country, [*own, case.facts.timezone], others),
        country=country,
        hours=tuple(QuietHours(begins, ends) for begins, ends in hours if begins is not None and ends is not None),
    )


def _cap(case: Case) -> Iterator[Finding]:
    """Row 13: of the account's cap and the person's, whichever holds back longest."""
    account = case.rulebook.account
    caps = [(account.cap_count, account.cap_days)]
    caps += [(wish.cap_count, wish.cap_days) for wish in case.facts.wishes if wish.cap_count is not None and wish.cap_days is not None]
    waits = []
    for count, days in caps:
        recent = [at for at in case.facts.sent if at > case.question.at - timedelta(days=days)]
        if len(recent) >= count:
            # Once the oldest that is one too many has left the span, there is room for one more.
            waits.append((recent[count - 1] if count else case.question.at) + timedelta(days=days))
    if waits:
        yield Finding(13, DEFER, Reason.CAP, not_before=max(waits))


def _bulk_email(case: Case) -> Iterator[Finding]:
    """Row 14."""
    if case.question.channel != "email" or not (case.question.is_bulk or case.kind is PurposeClass.MARKETING):
        return
    if not case.question.has_unsubscribe:
        yield Finding(14, DENY, Reason.OBLIGATION, "unsubscribe")
    if not case.rulebook.account.postal_address:
        yield Finding(14, DENY, Reason.OBLIGATION, "postal_address")


def _reply(case: Case) -> Iterator[Finding]:
    """Row 15."""
    if case.is_reply:
        yield Finding(15, ALLOW, Reason.SERVICE_REPLY, until=_closes(case))


def _code(case: Case) -> Iterator[Finding]:
    """Row 16."""
    if case.kind is PurposeClass.AUTHENTICATION and case.question.asked_now:
        yield Finding(16, ALLOW, Reason.CODE_ASKED_FOR)


def _closes(case: Case) -> datetime | None:
    """When the free window of this channel closes, for the clock beside the address."""
    if case.question.template or case.heard_at is None or case.window is None:
        return None
    return case.heard_at + SERVICE_WINDOW


def _obligations(case: Case, findings: tuple[Finding, ...]) -> Iterator[str]:
    if findings[0].verdict is DENY:
        return
    if case.question.channel == "email" and (case.question.is_bulk or case.kind is PurposeClass.MARKETING):
        yield "list_unsubscribe"
        yield "postal_address"
    if any(finding.reason is Reason.HUMAN_AGENT_TAG for finding in findings):
        yield "human_agent_tag"
    if case.question.category == Category.STOP_CONFIRMATION:
        yield "no_promotion"


def _not_before(case: Case, findings: tuple[Finding, ...]) -> datetime:
    """The first time at which none of what defers it does."""
    latest = max(finding.not_before for finding in findings if finding.not_before is not None)
    return next_time(_calendar(case), latest)


ROWS: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    _suppressed,
    _stopped,
    _withdrawn,
    _platform_opt_out,
    _without_grant,
    _registry,
    _windows,
    _category,
    _times,
    _cap,
    _bulk_email,
    _reply,
    _code,
)
