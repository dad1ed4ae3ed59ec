"""Where words still are: every column of every table, as text and as bytes."""

from collections.abc import Collection

from django.db import connection

TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
BYTES = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND data_type = 'bytea'"


def places_of(words: Collection[str]) -> dict[str, list[str]]:
    """Word → "table" or "table.column" wherever it is found, whatever its case. Reads everything that the connection may read."""
    found: dict[str, list[str]] = {word: [] for word in words}
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        tables = [row[0] for row in cursor.fetchall()]
        cursor.execute(BYTES)
        columns = cursor.fetchall()
        for word in found:
            # JSON in the database writes a quotation mark with a backslash; no word here has one.
            for table in tables:
                cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE strpos(lower(t::text), lower(%s)) > 0', [word])
                if cursor.fetchone()[0]:
                    found[word].append(table)
            for table, column in columns:
                cursor.execute(f'SELECT count(*) FROM "{table}" WHERE position(%s IN "{column}") > 0', [word.encode()])
                if cursor.fetchone()[0]:
                    found[word].append(f"{table}.{column}")
    return {word: places for word, places in found.items() if places}
