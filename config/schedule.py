"""The whole beat schedule in one place: what runs by itself, and how often."""

from datetime import timedelta

from celery.schedules import crontab

SCHEDULE = {
    "forget-old-answers": {"task": "accounts.tasks.forget_old_answers", "schedule": timedelta(hours=1)},
    "forget-expired-sessions": {"task": "accounts.tasks.forget_expired_sessions", "schedule": timedelta(hours=24)},
    "sweep-unification-runs": {"task": "contacts.tasks.sweep_unification_runs", "schedule": timedelta(minutes=1)},
    "seal-ledgers": {"task": "consent.tasks.seal_ledgers", "schedule": timedelta(minutes=1)},
    "sweep-registry-copies": {"task": "consent.tasks.sweep_registry_copies", "schedule": timedelta(minutes=1)},
    "sweep-reconsent": {"task": "consent.tasks.sweep_reconsent", "schedule": timedelta(minutes=1)},
    "sweep-ledger-checks": {"task": "consent.tasks.sweep_ledger_checks", "schedule": timedelta(minutes=1)},
    "sweep-retention": {"task": "consent.tasks.sweep_retention", "schedule": timedelta(minutes=2)},
    # At night in Latin America, in UTC.
    "begin-retention": {"task": "consent.tasks.begin_retention", "schedule": crontab(hour=7, minute=40)},
    "sweep-rights-requests": {"task": "consent.tasks.sweep_rights_requests", "schedule": timedelta(minutes=1)},
    "forget-expired-archives": {"task": "consent.tasks.forget_expired_archives", "schedule": timedelta(hours=1)},
    # Shortly after the days end in Latin America, in UTC.
    "export-ledger-heads": {"task": "consent.tasks.export_ledger_heads", "schedule": crontab(hour=6, minute=20)},
    "sweep-inbound-events": {"task": "inbox.tasks.sweep_inbound_events", "schedule": timedelta(seconds=20)},
    "sweep-outbound-messages": {"task": "inbox.tasks.sweep_outbound_messages", "schedule": timedelta(seconds=20)},
    "sweep-webhooks": {"task": "integrations.tasks.sweep_webhooks", "schedule": timedelta(seconds=20)},
    "forget-webhook-log": {"task": "integrations.tasks.forget_webhook_log", "schedule": timedelta(hours=1)},
    "sweep-customer-data": {"task": "integrations.tasks.sweep_customer_data", "schedule": timedelta(seconds=20)},
    "forget-customer-messages": {"task": "integrations.tasks.forget_customer_messages", "schedule": timedelta(hours=1)},
    "sweep-attachments": {"task": "inbox.tasks.sweep_attachments", "schedule": timedelta(minutes=1)},
    "sweep-bot-sessions": {"task": "inbox.tasks.sweep_bot_sessions", "schedule": timedelta(seconds=20)},
    "renew-quality": {"task": "contacts.tasks.renew_quality", "schedule": timedelta(minutes=1)},
    "sweep-recomputations": {"task": "contacts.tasks.sweep_recomputations", "schedule": timedelta(minutes=1)},
    "sweep-cleanings": {"task": "contacts.tasks.sweep_cleanings", "schedule": timedelta(minutes=5)},
    # At night in Latin America, in UTC.
    "search-what-changed": {"task": "contacts.tasks.search_what_changed", "schedule": crontab(hour=7, minute=10, day_of_week="1-6")},
    "search-everybody": {"task": "contacts.tasks.search_everybody", "schedule": crontab(hour=7, minute=10, day_of_week="0")},
    "sweep-lookups": {"task": "contacts.tasks.sweep_lookups", "schedule": timedelta(seconds=30)},
    "sweep-block-keys": {"task": "contacts.tasks.sweep_block_keys", "schedule": timedelta(minutes=5)},
    "clean-everybody": {"task": "contacts.tasks.clean_everybody", "schedule": crontab(hour=6, minute=20)},
    "sweep-sign-ins": {"task": "consent.tasks.sweep_sign_ins", "schedule": timedelta(seconds=30)},
    "forget-portal-visits": {"task": "consent.tasks.forget_portal_visits", "schedule": timedelta(hours=1)},
    "sweep-connections": {"task": "integrations.syncing.tasks.sweep_connections", "schedule": timedelta(seconds=20)},
    "sweep-sync-outbox": {"task": "integrations.syncing.tasks.sweep_sync_outbox", "schedule": timedelta(seconds=20)},
    "sweep-ended-grants": {"task": "integrations.syncing.tasks.sweep_ended_grants", "schedule": timedelta(minutes=1)},
    "sweep-change-notices": {"task": "integrations.syncing.tasks.sweep_change_notices", "schedule": timedelta(seconds=20)},
    "sweep-sync-runs": {"task": "integrations.syncing.tasks.sweep_sync_runs", "schedule": timedelta(minutes=1)},
    "forget-old-sync-rows": {"task": "integrations.syncing.tasks.forget_old_sync_rows", "schedule": timedelta(hours=24)},
    "sweep-imports": {"task": "integrations.tasks.sweep_imports", "schedule": timedelta(minutes=1)},
    "forget-old-imports": {"task": "integrations.tasks.forget_old_imports", "schedule": timedelta(hours=6)},
    "sweep-exports": {"task": "integrations.tasks.sweep_exports", "schedule": timedelta(minutes=1)},
    "forget-expired-exports": {"task": "integrations.tasks.forget_expired_exports", "schedule": timedelta(minutes=30)},
    "begin-scheduled-exports": {"task": "integrations.tasks.begin_scheduled_exports", "schedule": timedelta(minutes=1)},
    "sweep-scheduled-exports": {"task": "integrations.tasks.sweep_scheduled_exports", "schedule": timedelta(minutes=1)},
    "sweep-deduplication": {"task": "contacts.tasks.sweep_deduplication", "schedule": timedelta(minutes=2)},
}
