"""Read the audit trail: who did what, when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.translation import gettext_lazy

from accounts.audit_details import in_lines
from accounts.models import AuditEntry, Membership

PAGE = 50

# What each action is called. Rooms to the left write their own actions; a test looks for one that has no words here.
ACTION_WORDS = {
    "account.change": gettext_lazy("Changed settings"),
    "campaign.decide": gettext_lazy("Decided a card of a review"),
    "campaign.end": gettext_lazy("Ended a review early"),
    "campaign.start": gettext_lazy("Started a review of contacts"),
    "campaign.undo": gettext_lazy("Took a decision of a review back"),
    "channel.activate": gettext_lazy("Switched a channel on"),
    "channel.connect": gettext_lazy("Connected a channel"),
    "channel.deactivate": gettext_lazy("Switched a channel off"),
    "channel.greeting_bot": gettext_lazy("Changed the greeting bot"),
    "channel.update": gettext_lazy("Changed a channel"),
    "connection.connect": gettext_lazy("Connected another system"),
    "connection.disconnect": gettext_lazy("Disconnected another system"),
    "connection.mapping": gettext_lazy("Changed what is kept in step with another system"),
    "connection.pause": gettext_lazy("Paused the exchange with another system"),
    "connection.release_brake": gettext_lazy("Let a mass change from another system through"),
    "connection.replay": gettext_lazy("Tried a refused record again"),
    "connection.resume": gettext_lazy("Resumed the exchange with another system"),
    "connection.run": gettext_lazy("Started taking in another system's records"),
    "connection.settle": gettext_lazy("Settled a conflict with another system"),
    "connection.settle_undo": gettext_lazy("Took back what settled a conflict with another system"),
    "connection.sign_in": gettext_lazy("Signed in at another system"),
    "connection.update": gettext_lazy("Changed a connection to another system"),
    "unification.finish": gettext_lazy("Finished switching unification"),
    "contact.correct": gettext_lazy("Corrected a contact"),
    "contact.keep_problem": gettext_lazy("Left a problem of the data as it is"),
    "contact.erase": gettext_lazy("Erased a person"),
    "rights_request.begin": gettext_lazy("Began to answer a rights request"),
    "rights_request.close": gettext_lazy("Closed a rights request"),
    "contact.export": gettext_lazy("Exported a person"),
    "contact.merge": gettext_lazy("Merged contacts"),
    "contact.never_merge": gettext_lazy("Marked contacts as different people"),
    "contact.problem_counts": gettext_lazy("Let a problem of the data count again"),
    "contact.split": gettext_lazy("Split a conversation off to a new person"),
    "contact.unmerge": gettext_lazy("Separated contacts"),
    "country_rule.correct": gettext_lazy("Corrected a country's rule"),
    "country_rule.use_shipped": gettext_lazy("Took a correction of a country's rule back"),
    "notice.publish": gettext_lazy("Published a notice"),
    "ledger.check": gettext_lazy("Had the consent ledger checked"),
    "registry.bring": gettext_lazy("Brought in a copy of a do-not-call registry"),
    "sending_rules.change": gettext_lazy("Changed the rules of sending"),
    "purpose.create": gettext_lazy("Made a purpose"),
    "retention.carry_out": gettext_lazy("Deleted what the rules of retention let go of"),
    "retention.change": gettext_lazy("Changed how long something is kept"),
    "reconsent.cancel": gettext_lazy("Stopped asking people again"),
    "reconsent.start": gettext_lazy("Began to ask people again"),
    "purpose.change": gettext_lazy("Changed a purpose"),
    "conversation.assign": gettext_lazy("Assigned a conversation"),
    "conversation.reopen": gettext_lazy("Reopened a conversation"),
    "conversation.resolve": gettext_lazy("Resolved a conversation"),
    "conversation.say_who": gettext_lazy("Said who is writing"),
    "conversation.unassign": gettext_lazy("Took an assignment away"),
    "deduplication.cancel": gettext_lazy("Cancelled a search for duplicates"),
    "deduplication.start": gettext_lazy("Started a search for duplicates"),
    "export.ask": gettext_lazy("Asked for an export"),
    "export.download": gettext_lazy("Downloaded an export"),
    "export.finish": gettext_lazy("Wrote an export"),
    "scheduled_export.create": gettext_lazy("Set a scheduled export up"),
    "scheduled_export.update": gettext_lazy("Changed a scheduled export"),
    "scheduled_export.delete": gettext_lazy("Deleted a scheduled export"),
    "scheduled_export.run": gettext_lazy("Asked for a scheduled export at once"),
    "scheduled_export.finish": gettext_lazy("Wrote a scheduled export"),
    "scheduled_export.fail": gettext_lazy("A scheduled export failed"),
    "import.cancel": gettext_lazy("Stopped an import"),
    "import.finish": gettext_lazy("Finished an import"),
    "import.run": gettext_lazy("Started an import"),
    "import.undo": gettext_lazy("Asked to undo an import"),
    "import.undone": gettext_lazy("Undid an import"),
    "import.upload": gettext_lazy("Uploaded a file to import"),
    "identity.review": gettext_lazy("Settled a review"),
    "identifier.add": gettext_lazy("Added an identifier"),
    "identifier.end": gettext_lazy("Ended an identifier"),
    "identifier.mark_blocked": gettext_lazy("Marked a value as identifying nobody"),
    "identifier.mark_shared": gettext_lazy("Marked a value as shared"),
    "identifier.move": gettext_lazy("Moved an identifier to its person"),
    "identifier.restore": gettext_lazy("Let an identifier hold again"),
    "identifier.send_code": gettext_lazy("Sent a verification code"),
    "identifier.show": gettext_lazy("Looked at a masked value"),
    "masking.change": gettext_lazy("Changed who sees emails and phones"),
    "identifier.unmark": gettext_lazy("Took a mark off a value"),
    "identifier.verify": gettext_lazy("Confirmed an identifier"),
    "inbound_event.replay": gettext_lazy("Processed an event again"),
    "member.invite": gettext_lazy("Invited a person"),
    "member.role": gettext_lazy("Changed a role"),
    "member.switch_off": gettext_lazy("Switched a person off"),
    "member.switch_on": gettext_lazy("Switched a person on"),
    "message.resend": gettext_lazy("Sent a message again"),
    "quality.clean": gettext_lazy("Cleaned the contacts' data"),
    "quality.take_back": gettext_lazy("Took a step of a cleaning back"),
    "survivorship.change": gettext_lazy("Changed which value wins"),
    "portal.change": gettext_lazy("Changed how the customer portal looks"),
    "rights_request.create": gettext_lazy("Took in a request by right"),
    "suggestion.accept": gettext_lazy("Accepted a merge suggestion"),
    "suggestion.defer": gettext_lazy("Put a merge suggestion off"),
    "suggestion.reject": gettext_lazy("Rejected a merge suggestion"),
    "suggestion.undo": gettext_lazy("Took a decision about a suggestion back"),
    "customer_data.create": gettext_lazy("Made a source of customer data"),
    "customer_data.replay": gettext_lazy("Processed customer data again"),
    "customer_data.revoke": gettext_lazy("Revoked a write key"),
    "customer_data.rotate": gettext_lazy("Changed a write key"),
    "customer_data.secret": gettext_lazy("Made a signing secret"),
    "webhook.change": gettext_lazy("Changed a webhook"),
    "webhook.create": gettext_lazy("Made a webhook"),
    "webhook.delete": gettext_lazy("Deleted a webhook"),
    "webhook.pause": gettext_lazy("Paused a webhook"),
    "webhook.replay": gettext_lazy("Sent events of a webhook again"),
    "webhook.resume": gettext_lazy("Resumed a webhook"),
    "webhook.rotate": gettext_lazy("Changed the secret of a webhook"),
    "webhook.test": gettext_lazy("Tested a webhook"),
    "token.create": gettext_lazy("Made an API token"),
    "token.revoke": gettext_lazy("Revoked an API token"),
}
# What an entry is about, by the name of its table.
TARGET_WORDS = {
    "account": gettext_lazy("Account"),
    "apitoken": gettext_lazy("API token"),
    "channel": gettext_lazy("Channel"),
    "cleaningreport": gettext_lazy("Cleaning"),
    "cleaningstep": gettext_lazy("Cleaning"),
    "contact": gettext_lazy("Contact"),
    "connection": gettext_lazy("Connection"),
    "conversation": gettext_lazy("Conversation"),
    "deduplicationrun": gettext_lazy("Search for duplicates"),
    "identifier": gettext_lazy("Identifier"),
    "identityreview": gettext_lazy("Review"),
    "export": gettext_lazy("Export"),
    "import": gettext_lazy("Import"),
    "inboundevent": gettext_lazy("Event"),
    "membership": gettext_lazy("Member"),
    "mergesuggestion": gettext_lazy("Merge suggestion"),
    "message": gettext_lazy("Message"),
    "ledgercheck": gettext_lazy("Consent ledger"),
    "purpose": gettext_lazy("Purpose"),
    "scheduledexport": gettext_lazy("Scheduled export"),
    "retentionrule": gettext_lazy("Retention"),
    "retentionrun": gettext_lazy("Retention"),
    "reconsentcampaign": gettext_lazy("Asking again"),
    "portalsettings": gettext_lazy("Customer portal"),
    "profile": gettext_lazy("Source"),
    "rightsrequest": gettext_lazy("Request by right"),
    "reviewcampaign": gettext_lazy("Review"),
    "unificationrun": gettext_lazy("Unification"),
    "valuemark": gettext_lazy("Value"),
    "customerdatasource": gettext_lazy("Source of customer data"),
    "webhooksubscription": gettext_lazy("Webhook"),
}
KIND_WORDS = {
    "api": gettext_lazy("by the API"),
    "bot": gettext_lazy("the bot"),
    "contact": gettext_lazy("the customer"),
    "rule": gettext_lazy("by a rule"),
    "system": gettext_lazy("the system"),
}


@dataclass(frozen=True)
class TrailPage:
    """Entries, newest first; ``before`` is the cursor of the next page, empty on the last one."""

    entries: list[AuditEntry]
    before: str


@dataclass(frozen=True)
class TrailLine:
    """One entry in words; ``details`` are lines."""

    entry: AuditEntry
    action: str
    through: str
    target: str
    details: list[str]


def in_words(entries: Sequence[AuditEntry]) -> list[TrailLine]:
    """The entries as a person reads them, in the active language; an action nobody named shows its own name. One query."""
    members = {member.pk: str(member) for member in Membership.scoped().select_related("user")}
    return [
        TrailLine(
            entry=entry,
            action=str(ACTION_WORDS.get(entry.action, entry.action)),
            through=str(KIND_WORDS.get(entry.actor_kind, "")),
            target=str(TARGET_WORDS.get(entry.target_type, entry.target_type)),
            details=in_lines(entry, members=members),
        )
        for entry in entries
    ]


def trail(
    *,
    zone: ZoneInfo,
    action: str = "",
    membership_id: int | None = None,
    since: date | None = None,
    until: date | None = None,
    before: str = "",
    limit: int = PAGE,
) -> TrailPage:
    """One page. ``action`` is a whole action or a noun ("contact"); days are of ``zone``, both included. One query.

    Raises ``ValueError`` for a cursor that is not ours.
    """
    found = AuditEntry.scoped()
    if action:
        found = found.filter(Q(action=action) | Q(action__startswith=f"{action}."))
    if membership_id is not None:
        found = found.filter(membership_id=membership_id)
    if since is not None:
        found = found.filter(at__gte=_midnight(since, zone))
    if until is not None:
        found = found.filter(at__lt=_midnight(until + timedelta(days=1), zone))
    if before:
        at, pk = _read(before)
        found = found.filter(at__lte=at).filter(Q(at__lt=at) | Q(pk__lt=pk))
    page = list(found.order_by("-at", "-pk")[: limit + 1])
    more, page = len(page) > limit, page[:limit]
    return TrailPage(entries=page, before=f"{page[-1].at.isoformat()}_{page[-1].pk}" if more else "")


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _read(cursor: str) -> tuple[datetime, int]:
    at, _separator, pk = cursor.rpartition("_")
    moment = datetime.fromisoformat(at)
    if moment.tzinfo is None or not pk.isdecimal() or len(pk) > 18:
        raise ValueError(cursor)
    return moment, int(pk)
