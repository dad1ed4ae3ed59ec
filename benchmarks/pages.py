"""List, thread and contact page with 100,000 conversations, against the bare SQL that they run.

The page is the whole answer of Django (session, permission, queries, template). The bare SQL is the same statements, executed and
fetched one after another by psycopg on a connection of the same role. Both are medians over rounds that take turns.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account, Channel, Membership, User
from accounts.opening import open_account
from accounts.roles import Role
from accounts.scope import account_scope
from inbox.models import Conversation

CONVERSATIONS = 100_000
MESSAGES_EACH = 5
GOAL = 4.0
SLUG = "bench-pages"

SEED = """
WITH people AS (
  INSERT INTO contacts_contact (account_id, born_at, name, fields, search_text, is_anonymous, last_seen_at, is_empty, is_erased,
    problems, quality_due)
  SELECT {account}, now() - n * interval '1 minute', 'Persona ' || n, '{{}}', 'persona ' || n, false, now() - n * interval '1 minute', false, false,
    '{{}}', false
  FROM generate_series(1, {count}) n RETURNING id, born_at, name
), profiles AS (
  INSERT INTO contacts_profile (account_id, contact_id, home_id, source, channel_id, address, episode, is_current, given, given_at, later,
    outranks, first_seen_at, last_seen_at)
  SELECT {account}, id, id, 'channel', {channel}, '5699' || id, 1, true, jsonb_build_object('name', name), '{{}}', '{{}}', false, born_at, born_at
  FROM people RETURNING id, address, first_seen_at
), identifiers AS (
  INSERT INTO contacts_identifier (account_id, profile_id, kind, raw, value, key, loose_key, end_reason, key_version, scope, certainty, valid_from, last_seen_at)
  SELECT {account}, id, kind, address, address, address, '', '', 1, '', 'attested', first_seen_at, first_seen_at
  FROM profiles, (VALUES ('whatsapp'), ('phone')) kinds (kind) RETURNING id
), conversations AS (
  INSERT INTO inbox_conversation (account_id, profile_id, channel_id, status, assignee_id, subject, asks_who, last_message_at, last_inbound_at,
    waiting_since, preview, preview_is_ours, message_count)
  SELECT {account}, id, {channel}, CASE WHEN id %% 20 = 0 THEN 'open' ELSE 'resolved' END, CASE WHEN id %% 3 = 0 THEN {member} END, '', false,
    first_seen_at, first_seen_at, CASE WHEN id %% 40 = 0 THEN first_seen_at END, 'Una pregunta sobre el pedido', false, {messages}
  FROM profiles RETURNING id, profile_id, last_message_at
), strands AS (
  INSERT INTO inbox_strand (account_id, conversation_id, profile_id)
  SELECT {account}, id, profile_id FROM conversations RETURNING id, conversation_id
)
INSERT INTO inbox_message (account_id, strand_id, direction, kind, body, html, folded, payload, channel_id, provider_id, author_kind, status,
  problem, reactions, occurred_at)
SELECT {account}, strands.id, CASE WHEN n %% 2 = 0 THEN 'out' ELSE 'in' END, 'text', 'Mensaje ' || n, '', '', '{{}}', {channel},
  strands.id || '-' || n, CASE WHEN n %% 2 = 0 THEN 'person' ELSE 'contact' END, CASE WHEN n %% 2 = 0 THEN 'read' ELSE 'received' END, '{{}}', '{{}}',
  conversations.last_message_at - n * interval '1 minute'
FROM strands JOIN conversations ON conversations.id = strands.conversation_id, generate_series(0, {messages} - 1) n
"""


@dataclass(frozen=True)
class Figure:
    """Milliseconds of the page and of its SQL, and how many statements it runs."""

    page: str
    page_ms: float
    sql_ms: float
    queries: int

    @property
    def ratio(self) -> float:
        return self.page_ms / self.sql_ms


def seeded_account() -> tuple[Account, Membership]:
    """The large account, made once and kept in the benchmark's own database."""
    user = User.objects.filter(email="bench@andes.example").first()
    if user is not None:
        from accounts.entrances import account_id_by_slug

        account_id = account_id_by_slug(SLUG)
        if account_id is not None:
            with account_scope(account_id):
                if Conversation.objects.count() >= CONVERSATIONS:
                    return Account.objects.get(pk=account_id), Membership.objects.get(user=user)
        raise SystemExit("The benchmark's database is half made: remove var/engines/bench and run again.")
    user = User.objects.create_user(email="bench@andes.example", password=None, name="Laura")
    account = open_account(name="Medición", slug=SLUG, unification_enabled=True)
    with account_scope(account):
        member = Membership.objects.create(user=user, role=Role.SUPERVISOR)
        channel = Channel.objects.create(kind="whatsapp", name="WhatsApp", settings={"phone_number_id": "1"})
        statement = SEED.format(account=account.pk, count=CONVERSATIONS, channel=channel.pk, member=member.pk, messages=MESSAGES_EACH)
        with connection.cursor() as cursor:
            cursor.execute(statement.replace("%%", "%"))
    return account, member


def analyze() -> None:
    """What autovacuum would have done by now; the tables belong to the owner, so it connects without the web role."""
    import psycopg

    known = connection.get_connection_params()
    with psycopg.connect(
        host=known.get("host"), port=known.get("port"), user=known.get("user"), dbname=known["dbname"], autocommit=True
    ) as owner:
        owner.execute("VACUUM ANALYZE")


def measure(*, rounds: int = 40) -> list[Figure]:
    """One figure a page."""
    account, member = seeded_account()
    analyze()
    client = Client(headers={"Host": "localhost"})
    client.force_login(member.user)
    with account_scope(account):
        middle = Conversation.objects.select_related("profile").filter(status="open").order_by("-last_message_at")[100]
    slug = {"account_slug": account.slug}
    pages = {
        "list": reverse("inbox:workspace", kwargs=slug) + "?view=all",
        "thread": reverse("inbox:conversation", kwargs={**slug, "conversation_id": middle.pk}),
        "contact": reverse("contacts:contact", kwargs={**slug, "contact_id": middle.profile.contact_id}),
    }
    return [_compare(name, account.pk, lambda url=url: _get(client, url), rounds) for name, url in pages.items()]


def _get(client: Client, url: str) -> None:
    answer = client.get(url)
    if answer.status_code != 200:
        raise SystemExit(f"{url} answered {answer.status_code}")


def _compare(name: str, account_id: int, page: Callable[[], None], rounds: int) -> Figure:
    page()
    with CaptureQueriesContext(connection) as captured:
        page()
    statements = [
        query["sql"] for query in captured.captured_queries if not query["sql"].startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))
    ]
    pages, bare = [], []
    for _ in range(rounds):
        pages.append(_milliseconds(page))
        bare.append(_milliseconds(lambda: _execute(account_id, statements)))
    return Figure(page=name, page_ms=statistics.median(pages), sql_ms=statistics.median(bare), queries=len(statements))


def _milliseconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _execute(account_id: int, statements: list[str]) -> None:
    with connection.cursor() as wrapped:
        cursor = wrapped.cursor.connection.cursor()
        cursor.execute("SELECT set_config('hilo.account', %s, false)", [str(account_id)])
        for statement in statements:
            cursor.execute(statement)
            if cursor.description is not None:
                cursor.fetchall()


def report() -> None:
    """Print a line for each page."""
    assert settings.DEBUG is False
    for figure in measure():
        print(
            f"{figure.page} page, {CONVERSATIONS:,} conversations: {figure.page_ms:.1f} ms; bare SQL ({figure.queries} statements) "
            f"{figure.sql_ms:.1f} ms; ratio {figure.ratio:.1f}× (goal {GOAL:.0f}×)"
        )
