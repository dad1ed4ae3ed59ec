"""Which pairs are compared at all: those that agree on one of a few keys. A key that a crowd shares compares nobody."""

import duckdb

from contacts.deduplication.tables import run

# A value that more records share says little, and would make half a million pairs of a thousand records.
CAP = 100
# What a name says is less still: of twenty people of one name any two are rarely one, and where more than the name agrees, another
# key finds them. At a million profiles this is a fifth of the pairs.
NAME_CAP = 20
BY_NAME = frozenset({"letters", "name", "email_start", "names", "names_start"})

KEYS = {
    "phone": "phone",
    "email": "email",
    "national_id": "national_id",
    "handle": "CASE WHEN length(handle) >= 5 THEN handle END",
    "letters": "CASE WHEN length(handle_letters) >= 7 THEN handle_letters END",
    "name": "CASE WHEN surname IS NOT NULL THEN name END",
    "name_city": "name || city",
    # A crowd on one phone or mailbox: only those of one name.
    "phone_given": "phone || forms[1]",
    "email_given": "email || forms[1]",
    "phone_end": "right(phone, 6) || left(forms[1], 3)",
    "phone_start": "left(phone, -4) || forms[1] || left(surname, 1)",
    "phone_name": "right(phone, 4) || left(given, 3) || left(surname, 4)",
    "email_ends": "CASE WHEN length(local) >= 7 THEN left(local, 4) || right(local, 3) || domain END",
    "email_start": "CASE WHEN length(local) >= 6 THEN left(local, 6) || forms[1] END",
    "surnames": "left(surname, 5) || left(surname2, 5) || left(given, 1)",
    "surname_city": "left(forms[1], 2) || surname || city",
    "born_given": "born || left(forms[1], 2)",
    "born_surname": "born || left(surname, 3)",
    "born_place": "born || coalesce(postcode, city)",
    "born": "born",
    "paper_start": "CASE WHEN length(national_id) >= 6 THEN left(national_id, -3) END",
    "paper_end": "CASE WHEN length(national_id) >= 6 THEN right(national_id, -3) END",
    "street": "street || coalesce(postcode, city)",
    "street_start": "CASE WHEN length(street) >= 8 THEN left(street, 10) || coalesce(left(postcode, 2), city) END",
    "street_tail": "CASE WHEN length(street) >= 12 THEN right(street, 8) || city END",
    "town_surname": "left(surname, 4) || postcode",
    "town_given": "left(given, 3) || postcode",
    "names": "least(given, surname) || ' ' || greatest(given, surname)",
    "names_start": "given || ' ' || left(surname, 3)",
    "home": "street || coalesce(postcode, city) || left(given, 1)",
    "home_surname": "left(street, 8) || coalesce(postcode, city) || left(surname, 3)",
}


def block(connection: duckdb.DuckDBPyConnection, *, changed: bool = False) -> int:
    """Fill the table ``pairs`` (join_key_l < join_key_r, match_key), across contacts only; returns how many.

    ``changed``: only pairs with a record of the table ``changed_ids``.
    """
    run(connection, "CREATE OR REPLACE TABLE keys (h UBIGINT, id BIGINT, contact BIGINT)")
    # Of a search of what changed, only the values that those have.
    asked = " SEMI JOIN (SELECT h FROM k JOIN changed_ids USING (id)) USING (h)" if changed else ""
    # One rule at a time: all values of all rules at once would be the largest thing in memory.
    for name, sql in KEYS.items():
        most = NAME_CAP if name in BY_NAME else CAP
        # Values that nobody else has make no pair and are most of all: dropped before the join.
        run(
            connection,
            f"INSERT INTO keys WITH k AS (SELECT hash('{name}=' || ({sql})) AS h, id, contact FROM records WHERE ({sql}) IS NOT NULL),"
            f" held AS (SELECT k.h, k.id, k.contact FROM k{asked}),"
            f" hot AS (SELECT h FROM held GROUP BY h HAVING count(*) BETWEEN 2 AND {most})"
            " SELECT held.h, held.id, held.contact FROM held JOIN hot USING (h)",
        )
    if changed:
        left = "(SELECT keys.* FROM keys JOIN changed_ids USING (id))"
        found = (
            "SELECT DISTINCT least(a.id, b.id) AS l, greatest(a.id, b.id) AS r"
            f" FROM {left} a JOIN keys b ON a.h = b.h AND a.id <> b.id AND a.contact <> b.contact"
        )
    else:
        found = "SELECT DISTINCT a.id AS l, b.id AS r FROM keys a JOIN keys b ON a.h = b.h AND a.id < b.id AND a.contact <> b.contact"
    run(connection, f"CREATE OR REPLACE TABLE pairs AS SELECT l AS join_key_l, r AS join_key_r, '0' AS match_key FROM ({found})")
    run(connection, "DROP TABLE keys")
    [(count,)] = run(connection, "SELECT count(*) FROM pairs")
    return int(count)
