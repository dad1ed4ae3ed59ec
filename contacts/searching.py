"""The search box over people.

Under row-level security PostgreSQL does not use the trigram index, because ``LIKE`` is not leakproof. So the look-up lives in one
SECURITY DEFINER function, which filters by the session's account itself and gives ids only.
"""

import re
import unicodedata
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections
from psycopg import sql

MOST_FOUND = 500
MOST_WORDS = 3

FUNCTION = """
CREATE OR REPLACE FUNCTION hilo_search_contacts(first text, second text, third text, most integer) RETURNS SETOF bigint
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  AS $$
    SELECT id FROM contacts_contact
    WHERE account_id = nullif(current_setting('hilo.account', true), '')::bigint
      AND search_text LIKE first AND search_text LIKE second AND search_text LIKE third
      AND NOT is_empty AND NOT is_anonymous
    LIMIT most
  $$;
"""


def plain(text: str) -> str:
    """Case and accents folded, everything else as it is."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def contacts_matching(text: str, *, most: int = MOST_FOUND) -> list[int]:
    """Ids of visible contacts whose names and identifiers contain each of the first words of the text. One query.

    A text that looks like a part of a phone number is looked for by its digits.
    """
    folded = plain(text.replace("\x00", "")).strip()
    digits = re.sub(r"\D", "", folded)
    looks_like_phone = len(digits) >= 4 and not re.search(r"[^\d\s()+.\-]", folded)
    pieces = [digits] if looks_like_phone else folded.replace(",", " ").split()[:MOST_WORDS]
    if not pieces:
        return []
    patterns = ["%" + re.sub(r"([\\%_])", r"\\\1", piece) + "%" for piece in pieces]
    patterns += ["%"] * (MOST_WORDS - len(patterns))
    with connection.cursor() as cursor:
        cursor.execute("SELECT hilo_search_contacts(%s, %s, %s, %s)", [*patterns, most])
        return [row[0] for row in cursor.fetchall()]


def create_function(*, using: str = DEFAULT_DB_ALIAS, **_kwargs: Any) -> None:
    """After each ``migrate``, idempotent. The policy lets the function's owner read where it is no superuser."""
    with connections[using].cursor() as wrapped:
        cursor = wrapped.cursor
        table = sql.Identifier("contacts_contact")
        cursor.execute(sql.SQL("DROP POLICY IF EXISTS people_searched ON {}").format(table))
        cursor.execute(sql.SQL("CREATE POLICY people_searched ON {} FOR SELECT TO CURRENT_USER USING (true)").format(table))
        cursor.execute(FUNCTION)
