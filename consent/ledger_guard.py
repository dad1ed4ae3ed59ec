"""The database itself keeps the ledger append-only: no update but the sealer's, once; no deletion; whoever asks."""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

# Every column but the sealer's is compared as JSON, so that a column that is added later is guarded too.
GUARD = """
CREATE OR REPLACE FUNCTION hilo_guard_consent_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.sequence IS NULL AND OLD.hash = '' AND NEW.sequence IS NOT NULL
     AND to_jsonb(NEW) - '{sequence,previous_hash,hash}'::text[] = to_jsonb(OLD) - '{sequence,previous_hash,hash}'::text[] THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'the consent ledger is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE OR REPLACE TRIGGER hilo_guard BEFORE UPDATE OR DELETE ON consent_consentevent
  FOR EACH ROW EXECUTE FUNCTION hilo_guard_consent_event();
CREATE OR REPLACE TRIGGER hilo_guard_whole BEFORE TRUNCATE ON consent_consentevent
  FOR EACH STATEMENT EXECUTE FUNCTION hilo_guard_consent_event();
"""


def guard_ledger(*, using: str = DEFAULT_DB_ALIAS, **_kwargs: Any) -> None:
    """Listener of ``post_migrate``; idempotent. The web role, which owns no table, is not asked."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_tables WHERE tablename = 'consent_consentevent'"
            " AND pg_has_role(current_user, tableowner, 'MEMBER'))"
        )
        if cursor.fetchone()[0]:
            cursor.execute(GUARD)
