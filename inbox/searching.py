"""The search box of the list: words of messages, and names and addresses of people.

Under row-level security PostgreSQL does not use a GIN index for ``@@`` and ``LIKE``, because those operators are not leakproof.
So the look-up lives in one SECURITY DEFINER function, which filters by the session's account itself and gives ids only.
"""

import re
import unicodedata
from typing import Any

from django.contrib.postgres.search import SearchVector
from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models import Value
from psycopg import sql

MOST_FOUND = 500
LONGEST_TEXT = 100_000

# The tables that the function reads: a policy lets its owner see them where the owner is no superuser.
TABLES = ("inbox_message", "inbox_strand", "inbox_conversation", "contacts_profile", "contacts_contact")
FUNCTION = """
CREATE OR REPLACE FUNCTION hilo_search_conversations(wanted text, piece text, most integer) RETURNS SETOF bigint
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  AS $$
    WITH mine AS (SELECT nullif(current_setting('hilo.account', true), '')::bigint AS id)
    (SELECT DISTINCT s.conversation_id FROM (
        SELECT m.strand_id FROM inbox_message m
        WHERE m.account_id = (SELECT id FROM mine) AND m.words @@ to_tsquery('simple', wanted) LIMIT most
      ) found JOIN inbox_strand s ON s.id = found.strand_id WHERE s.account_id = (SELECT id FROM mine))
    UNION
    (SELECT c.id FROM contacts_contact k
       JOIN contacts_profile p ON p.contact_id = k.id AND p.account_id = k.account_id
       JOIN inbox_conversation c ON c.profile_id = p.id AND c.account_id = k.account_id
       WHERE k.account_id = (SELECT id FROM mine) AND k.search_text LIKE piece LIMIT most)
  $$;
"""


def fold(text: str) -> str:
    """Lower case without accents, so that 'cotización' is found by 'cotizacion'."""
    decomposed = unicodedata.normalize("NFKD", text.replace("\x00", "")[:LONGEST_TEXT]).casefold()
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def words_of(*texts: str) -> Any:
    """What ``Message.words`` holds for these texts: an expression to save."""
    return SearchVector(Value(fold(" ".join(texts)), output_field=models.TextField()), config="simple")


def conversations_with(text: str, *, most: int = MOST_FOUND) -> list[int]:
    """Ids of the account's conversations in which every word occurs, or whose person's name or address contains the text.

    Words match by their beginning. The look-up stops at ``most`` hits of each sort. One query.
    """
    folded = fold(text).strip()
    tokens = re.findall(r"\w+", folded)
    if not tokens:
        return []
    words = " & ".join(f"{token}:*" for token in tokens)
    piece = "%" + re.sub(r"([\\%_])", r"\\\1", folded) + "%"
    with connection.cursor() as cursor:
        cursor.execute("SELECT hilo_search_conversations(%s, %s, %s)", [words, piece, most])
        return [row[0] for row in cursor.fetchall()]


def create_function(*, using: str = DEFAULT_DB_ALIAS, **_kwargs: Any) -> None:
    """After each ``migrate``, idempotent."""
    with connections[using].cursor() as wrapped:
        cursor = wrapped.cursor
        for table in TABLES:
            name = sql.Identifier(table)
            cursor.execute(sql.SQL("DROP POLICY IF EXISTS searched ON {}").format(name))
            cursor.execute(sql.SQL("CREATE POLICY searched ON {} FOR SELECT TO CURRENT_USER USING (true)").format(name))
        cursor.execute(FUNCTION)
