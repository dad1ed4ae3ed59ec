"""Where a person's words still are: in a dump of the database, in what its planner remembers, among the files, in Valkey.

Looks for every way in which software writes a word down, and into whatever is packed or encrypted with the installation's own keys.
"""

import base64
import binascii
import html
import io
import json
import quopri
import re
import subprocess
import zipfile
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from psycopg.conninfo import make_conninfo
from redis import Redis

from config.embedded import postgres_program
from contacts.searching import plain

HEX = re.compile(rb"\\x((?:[0-9a-f]{2}){4,})")
# Where a table's rows begin in a dump.
TABLE = re.compile(rb"^COPY (?:public\.)?(\S+) ", re.MULTILINE)


def spellings(word: str) -> set[bytes]:
    """The word as text, folded and escaped, in other encodings, and as base64 and hex of each; all in lower case."""
    texts = {word, word.lower(), word.upper(), plain(word)}
    written: set[bytes] = set()
    for text in texts:
        for encoding in ("utf-8", "latin-1", "utf-16-le"):
            written.add(text.encode(encoding))
        written |= {json.dumps(text)[1:-1].encode(), quote(text, safe="").encode(), html.escape(text).encode()}
        written.add(quopri.encodestring(text.encode()).strip())
    packed = set()
    for each in written:
        packed.add(binascii.hexlify(each))
        # A byte more or less before the word gives other letters: those in the middle depend on the word alone.
        for before in range(3):
            letters = base64.b64encode(b"\0" * before + each).rstrip(b"=")
            middle = letters[(before * 8 + 5) // 6 : (before + len(each)) * 8 // 6]
            assert len(middle) >= 7, f"too short to be looked for: {word}"
            packed |= {middle, middle.replace(b"+", b"-").replace(b"/", b"_")}
    return {each.lower() for each in written | packed}


def traces_of(words: Collection[str]) -> dict[str, set[str]]:
    """Word → the places where any spelling of it is found. Looks at committed rows, whoever's they are: choose words nobody else has."""
    sought = {word: spellings(word) for word in words}
    found: dict[str, set[str]] = defaultdict(set)
    for place, content in everything():
        for variant in {content, content.replace(b"\r\n", b"").replace(b"\n", b""), content.replace(b"\\\\", b"\\")}:
            lower = variant.lower()
            for word, forms in sought.items():
                if place not in found[word] and any(form in lower for form in forms):
                    found[word].add(place)
    return {word: places for word, places in found.items() if places}


def everything() -> Iterator[tuple[str, bytes]]:
    """(place, bytes) of all that the installation keeps."""
    yield from _rows()
    yield from _statistics()
    yield from _sessions()
    yield from _files()
    yield from _valkey()


def owner() -> psycopg.Connection[Any]:
    """A connection as whoever owns the tables, outside any transaction."""
    return psycopg.connect(_address(), autocommit=True)


def tidy_up() -> None:
    """VACUUM and ANALYZE, as an operator would."""
    with owner() as conn:
        tables = conn.execute("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'public'").fetchall()
        names = ", ".join(name for (name,) in tables)
        conn.execute(f"VACUUM {names}".encode())
        conn.execute(f"ANALYZE {names}".encode())


def _address() -> str:
    given = connection.settings_dict
    parts = {"host": given["HOST"], "port": given["PORT"], "user": given["USER"], "password": given["PASSWORD"], "dbname": given["NAME"]}
    return make_conninfo("", **{name: value for name, value in parts.items() if value})


def _rows() -> Iterator[tuple[str, bytes]]:
    """A dump of the database, table by table, and what its columns of bytes hold."""
    dump = subprocess.run([postgres_program("pg_dump"), "--data-only", "--dbname", _address()], capture_output=True, check=True).stdout
    starts = list(TABLE.finditer(dump))
    assert len(starts) > 100, "a dump of every table"
    yield "dump", dump[: starts[0].start()]
    for start, after in zip(starts, [*(each.start() for each in starts[1:]), len(dump)], strict=True):
        rows = dump[start.start() : after]
        name = start[1].decode()
        yield name, rows
        for number in HEX.finditer(rows):
            yield from _opened(f"{name}, bytes", binascii.unhexlify(number[1]))


def _opened(place: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """The bytes, and what is packed or encrypted in them."""
    yield place, content
    if content.startswith(b"gAAAA"):
        try:
            yield f"{place}, encrypted", MultiFernet([Fernet(key) for key in settings.FIELD_ENCRYPTION_KEYS]).decrypt(content)
        except InvalidToken:
            """Under the key of a person: destroyed with them, and found where the key itself is found."""
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield f"{place}, packed", name.encode()
                yield f"{place}, packed", archive.read(name)


def _statistics() -> Iterator[tuple[str, bytes]]:
    """What ANALYZE keeps of the values it saw."""
    with owner() as conn:
        for table, row in conn.execute("SELECT starelid::regclass::text, s::text FROM pg_statistic s"):
            yield f"statistics of {table}", row.encode()
        for (row,) in conn.execute("SELECT s::text FROM pg_statistic_ext_data s"):
            yield "extended statistics", row.encode()


def _sessions() -> Iterator[tuple[str, bytes]]:
    """Packed and signed in their table."""
    for session in Session.objects.all():
        yield "sessions", json.dumps(session.get_decoded(), ensure_ascii=False).encode()


def _files() -> Iterator[tuple[str, bytes]]:
    root = Path(settings.MEDIA_ROOT)
    for path in root.rglob("*"):
        yield "file names", str(path.relative_to(root)).encode()
        if path.is_file():
            yield from _opened("files", path.read_bytes())


def _valkey() -> Iterator[tuple[str, bytes]]:
    """Every key and value of every database of the server."""
    server = settings.REDIS_URL.rpartition("/")[0]
    with Redis.from_url(f"{server}/0") as first:
        numbers = int(first.config_get("databases")["databases"])
    for number in range(numbers):
        with Redis.from_url(f"{server}/{number}") as valkey:
            for key in valkey.scan_iter(count=1000):
                yield "valkey keys", key
                for value in _values(valkey, key):
                    yield "valkey", value
                    yield from _unwrapped(value)


def _values(valkey: Any, key: bytes) -> list[Any]:
    """What the key holds; nothing where it is gone meanwhile."""
    kind = valkey.type(key)
    if kind == b"string":
        return [valkey.get(key) or b""]
    if kind == b"list":
        return valkey.lrange(key, 0, -1)
    if kind == b"hash":
        return [each for pair in valkey.hgetall(key).items() for each in pair]
    if kind == b"set":
        return list(valkey.smembers(key))
    if kind == b"zset":
        return valkey.zrange(key, 0, -1)
    assert kind == b"none", f"{key!r} is a {kind!r}, which nobody looks into"
    return []


def _unwrapped(value: bytes) -> Iterator[tuple[str, bytes]]:
    """The body of a task, which its envelope holds in base64."""
    if value.startswith((b"{", b"[")):
        try:
            told = json.loads(value)
        except ValueError:
            return
        told = told[0] if isinstance(told, list) and told else told
        if isinstance(told, dict) and isinstance(told.get("body"), str):
            yield "valkey", base64.b64decode(told["body"], validate=False)
