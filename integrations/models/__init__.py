"""The tables of the connections to other systems. Those about people refer to ``contacts.Profile``, never to a contact."""

from integrations.models.crm import (
    ChangeNotice,
    Conflict,
    Connection,
    DeadLetter,
    EchoEntry,
    EndedGrant,
    ExternalRecord,
    Mapping,
    SyncLog,
    SyncOutbox,
    SyncRun,
)
from integrations.models.customer_data import CustomerDataMessage, CustomerDataSource, CustomerEvent, CustomerRecord
from integrations.models.exports import Export
from integrations.models.imports import Import, ImportedRow, ImportRun, RejectedRow
from integrations.models.mailboxes import MailboxCursor
from integrations.models.scheduled_exports import ScheduledExport, ScheduledExportRun
from integrations.models.visitors import Visitor, VisitorMessage
from integrations.models.webhooks import WebhookAttempt, WebhookDelivery, WebhookEvent, WebhookSubscription

__all__ = [
    "ChangeNotice",
    "Conflict",
    "Connection",
    "CustomerDataMessage",
    "CustomerDataSource",
    "CustomerEvent",
    "CustomerRecord",
    "DeadLetter",
    "EchoEntry",
    "EndedGrant",
    "Export",
    "ExternalRecord",
    "Import",
    "ImportRun",
    "ImportedRow",
    "MailboxCursor",
    "Mapping",
    "RejectedRow",
    "ScheduledExport",
    "ScheduledExportRun",
    "SyncLog",
    "SyncOutbox",
    "SyncRun",
    "Visitor",
    "VisitorMessage",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEvent",
    "WebhookSubscription",
]
