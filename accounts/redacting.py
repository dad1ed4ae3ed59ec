"""Take a person's data out of what accounts keep about changes: the audit trail stays, its values go.

Web and workers may not change the audit trail. So one SECURITY DEFINER function does, for the session's account, and it can do
nothing but replace values by a mark.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import F, Func, JSONField, QuerySet, TextField, Value

from accounts.models import AuditEntry, IdempotentRequest

ERASED = "(erased)"

# Values are compared as whole JSON strings: a name is not looked for inside other words.
FUNCTIONS = """
CREATE OR REPLACE FUNCTION hilo_redact(content jsonb, words text[]) RETURNS jsonb
  LANGUAGE plpgsql IMMUTABLE SET search_path = public, pg_temp AS $$
  DECLARE found text := content::text; word text;
  BEGIN
    FOREACH word IN ARRAY words LOOP
      found := replace(found, to_jsonb(word)::text, '"(erased)"');
    END LOOP;
    RETURN found::jsonb;
  END $$;
CREATE OR REPLACE FUNCTION hilo_redact_audit(words text[], entries bigint[]) RETURNS bigint
  LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH changed AS (
      UPDATE accounts_auditentry
      SET detail = CASE WHEN id = ANY(entries) THEN '{"erased": true}' ELSE hilo_redact(detail, words) END
      WHERE account_id = nullif(current_setting('hilo.account', true), '')::bigint
        AND (id = ANY(entries) OR detail IS DISTINCT FROM hilo_redact(detail, words))
      RETURNING 1)
    SELECT count(*) FROM changed
  $$;
"""


def redact_audit(*, words: Collection[str], targets: Mapping[str, Collection[int]]) -> int:
    """Replace the words wherever they are a whole value, and everything that entries about the targets say. Returns how many changed.

    ``targets``: model name as in ``AuditEntry.target_type`` → ids.
    """
    entries: set[int] = set()
    for target_type, ids in targets.items():
        about = AuditEntry.scoped().filter(target_type=target_type, target_id__in=ids).exclude(detail={})
        entries |= set(about.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("SELECT hilo_redact_audit(%s, %s)", [sorted(words), sorted(entries)])
        return int(cursor.fetchone()[0])


def redact_json(rows: QuerySet, column: str, words: Collection[str]) -> int:
    """Replace the words where they are whole strings in a JSON column of the rows. Returns how many rows changed."""
    redacted = Func(
        F(column),
        Value(sorted(words), output_field=ArrayField(TextField())),
        function="hilo_redact",
        output_field=JSONField(),
    )
    return rows.exclude(**{column: redacted}).update(**{column: redacted}) if words else 0


def forget_answers(words: Collection[str]) -> int:
    """Drop the API answers kept for repeated requests that name any of the words. Returns how many."""
    dropped = 0
    for row in IdempotentRequest.scoped().iterator():
        text = json.dumps(row.answer, ensure_ascii=False)
        if any(word in text for word in words):
            row.delete()
            dropped += 1
    return dropped


def create_functions(*, using: str = DEFAULT_DB_ALIAS, **_kwargs: Any) -> None:
    """Listener of ``post_migrate``; idempotent."""
    with connections[using].cursor() as cursor:
        cursor.execute(FUNCTIONS)
