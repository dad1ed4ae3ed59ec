"""Row-level security on every table of an account, and the few look-ups that may cross it.

``lock_tables`` runs after each ``migrate`` and is idempotent: it creates the role under which web and workers run, grants
what they need, and locks every table that carries ``account_id`` (history tables too).
"""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections, models
from psycopg import sql

POLICY = "same_account"


EXTENSIONS = ("pg_trgm", "unaccent", "btree_gin")


def create_extensions(*, using: str = DEFAULT_DB_ALIAS, app_config: Any = None, **_kwargs: Any) -> None:
    """The extensions that indexes of the first migrations already need."""
    if app_config is None or app_config.name != "accounts":
        return
    with connections[using].cursor() as cursor:
        for extension in EXTENSIONS:
            cursor.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")


def tenant_tables() -> dict[str, str]:
    """Table → the column that names the account: every model with an ``account`` key, and the account itself."""
    tables = {"accounts_account": "id", "accounts_historicalaccount": "id"}
    for model in apps.get_models(include_auto_created=True):
        if any(field.name == "account" and isinstance(field, models.ForeignKey) for field in model._meta.local_fields):
            tables[model._meta.db_table] = "account_id"
    return tables


def lock_tables(*, using: str = DEFAULT_DB_ALIAS, app_config: Any = None, **_kwargs: Any) -> None:
    """Create role, grants, policies and entrances: once per migrate, after the last app whose tables it made."""
    if app_config is not None and app_config != [config for config in apps.get_app_configs() if config.models_module][-1]:
        return
    connection = connections[using]
    role = sql.Identifier(settings.APP_ROLE)
    with connection.cursor() as wrapped:
        cursor = wrapped.cursor
        cursor.execute("SELECT current_user")
        if cursor.fetchone()[0] == settings.APP_ROLE:
            return
        cursor.execute(
            sql.SQL(
                "DO $$ BEGIN CREATE ROLE {} NOLOGIN NOSUPERUSER NOBYPASSRLS;"
                " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
            ).format(role)
        )
        cursor.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(role))
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(role))
        cursor.execute(sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}").format(role))
        cursor.execute(sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}").format(role))
        # The audit trail and others like it are append-only for everything that serves requests.
        for statement in _withhold(role):
            cursor.execute(statement)
        cursor.execute("SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relrowsecurity AND relforcerowsecurity")
        locked = {row[0] for row in cursor.fetchall()}
        existing = set(connection.introspection.table_names(wrapped))
        for table, column in tenant_tables().items():
            if table in existing and table not in locked:
                for statement in _lock(table, column):
                    cursor.execute(statement)
        for table in ENTRANCE_TABLES:
            cursor.execute(sql.SQL("DROP POLICY IF EXISTS entrance ON {}").format(sql.Identifier(table)))
            cursor.execute(sql.SQL("CREATE POLICY entrance ON {} FOR SELECT TO CURRENT_USER USING (true)").format(sql.Identifier(table)))
        cursor.execute(ENTRANCES)


def _withhold(role: sql.Identifier) -> list[sql.Composed]:
    """Take back what a model names in ``withheld``; of an update, the columns in ``still_writable`` stay open."""
    statements = []
    for model in apps.get_models():
        if withheld := getattr(model, "withheld", ()):
            table = sql.Identifier(model._meta.db_table)
            rights = sql.SQL(", ").join(sql.SQL(right) for right in withheld)
            statements.append(sql.SQL("REVOKE {} ON {} FROM {}").format(rights, table, role))
            if columns := getattr(model, "still_writable", ()):
                named = sql.SQL(", ").join(sql.Identifier(column) for column in columns)
                statements.append(sql.SQL("GRANT UPDATE ({}) ON {} TO {}").format(named, table, role))
    return statements


def _lock(table: str, column: str) -> list[sql.Composed]:
    name = sql.Identifier(table)
    mine = sql.SQL("{} = nullif(current_setting('hilo.account', true), '')::bigint").format(sql.Identifier(column))
    # An account is opened before anything can be in its scope; its id is drawn first (accounts.opening).
    return [
        sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(name),
        sql.SQL("ALTER TABLE {} FORCE ROW LEVEL SECURITY").format(name),
        sql.SQL("DROP POLICY IF EXISTS {} ON {}").format(sql.Identifier(POLICY), name),
        sql.SQL("CREATE POLICY {} ON {} USING ({}) WITH CHECK ({})").format(sql.Identifier(POLICY), name, mine, mine),
    ]


# Read by the functions below, which run as the owner: an owner that is no superuser is bound by the policies too.
ENTRANCE_TABLES = ("accounts_account", "accounts_channel", "accounts_apitoken", "accounts_membership", "integrations_connection")

# Each function answers one question that is asked before an account is known, and gives ids only.
ENTRANCES = """
CREATE OR REPLACE FUNCTION hilo_account_by_slug(wanted text) RETURNS bigint
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  AS $$ SELECT id FROM accounts_account WHERE slug = wanted $$;
CREATE OR REPLACE FUNCTION hilo_account_ids() RETURNS SETOF bigint
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  AS $$ SELECT id FROM accounts_account ORDER BY id $$;
CREATE OR REPLACE FUNCTION hilo_account_by_channel(wanted text) RETURNS bigint
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  AS $$ SELECT account_id FROM accounts_channel WHERE key = wanted $$;
CREATE OR REPLACE FUNCTION hilo_account_by_connection(wanted text) RETURNS bigint
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  AS $$ SELECT account_id FROM integrations_connection WHERE key = wanted $$;
CREATE OR REPLACE FUNCTION hilo_account_by_token(wanted text) RETURNS bigint
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  AS $$ SELECT account_id FROM accounts_apitoken WHERE digest = wanted $$;
CREATE OR REPLACE FUNCTION hilo_accounts_of_user(wanted bigint)
  RETURNS TABLE (account_id bigint, slug varchar, name varchar, role varchar)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  AS $$ SELECT a.id, a.slug, a.name, m.role FROM accounts_membership m JOIN accounts_account a ON a.id = m.account_id
        WHERE m.user_id = wanted AND m.is_active ORDER BY a.name $$;
"""
