"""The cast and the engines. Tests run under the web role, so that row-level security binds them as it binds the product."""

import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from django.test.utils import setup_databases, teardown_databases
from django.utils import translation
from hypothesis import settings as hypothesis_settings

from accounts.models import Account, Channel, Membership, User
from accounts.opening import open_account
from accounts.roles import Role
from accounts.scope import account_scope
from tests.migrated_database import keep_migrated_copy, use_migrated_copy

# Few examples while people wait, many in `make test-deep`; a shared machine is no reason to fail.
# The same examples each time: whoever runs them quickly should see what they broke, and not what nobody had found yet.
hypothesis_settings.register_profile("quick", max_examples=25, deadline=None, derandomize=True)
hypothesis_settings.register_profile("deep", max_examples=1000, deadline=None)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

PASSWORD = "una-clave-larga-2026"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """The test database is made and migrated by its owner, without a pool."""
    for connection in connections.all():
        connection.settings_dict["OPTIONS"].pop("pool", None)
        connection.settings_dict["OPTIONS"].pop("assume_role", None)


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: Any, django_db_keepdb: bool
) -> Iterator[None]:
    """Make the test database; afterwards every connection works under the web role.

    pytest-django's own fixture makes none, and so leaves the connection on the real one, unless a collected test asks for it
    by the names that pytest-django knows; tests that commit do not.
    """
    with django_db_blocker.unblock():
        is_copy = use_migrated_copy()
        made = setup_databases(verbosity=0, interactive=False, aliases={"default"}, serialized_aliases=set(), keepdb=django_db_keepdb)
        # A database that is kept from before may have been made by older migrations.
        if not is_copy and not django_db_keepdb:
            keep_migrated_copy()
    connection = connections["default"]
    connection.close()
    connection.settings_dict["OPTIONS"]["assume_role"] = settings.APP_ROLE
    yield
    connection.close()
    connection.settings_dict["OPTIONS"].pop("assume_role")
    if not django_db_keepdb:
        with django_db_blocker.unblock():
            teardown_databases(made, verbosity=0)


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The test database without a transaction around the test, for what really runs at once (``tests.threads``).

    Rows are committed and stay: the web role may not truncate. So make a fresh account, and ask for no fixture that needs ``db``.
    """
    with django_db_blocker.unblock():
        yield
        connections.close_all()


@pytest.fixture(autouse=True)
def _in_the_default_language() -> None:
    """A request leaves its language behind in the thread; the next test starts in the product's own."""
    translation.activate(settings.LANGUAGE_CODE)


@pytest.fixture(autouse=True)
def _temporary_media(settings: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings.MEDIA_ROOT = str(tmp_path_factory.mktemp("media"))
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def make_user(name: str) -> User:
    return User.objects.create_user(email=f"{name}-{uuid.uuid4().hex[:8]}@ejemplo.cl", password=PASSWORD, name=name.capitalize())


def make_account(slug: str = "andes", **settings: Any) -> Account:
    return open_account(name=slug.capitalize(), slug=f"{slug}-{uuid.uuid4().hex[:8]}", **settings)


def make_member(account: Account, role: str = Role.AGENT, name: str = "laura") -> Membership:
    with account_scope(account):
        return Membership.objects.create(user=make_user(name), role=role)


def make_channel(account: Account, kind: str, name: str = "", **fields: Any) -> Channel:
    with account_scope(account):
        return Channel.objects.create(kind=kind, name=name or kind.capitalize(), **fields)


@pytest.fixture
def account(db: None) -> Account:
    """A unified account in Chile. Tests enter its scope with the ``scoped`` fixture or ``account_scope``."""
    return make_account("andes", unification_enabled=True)


@pytest.fixture
def standard_account(db: None) -> Account:
    return make_account("plaza")


@pytest.fixture
def other_account(db: None) -> Account:
    return make_account("ajena", unification_enabled=True)


@pytest.fixture
def scoped(account: Account) -> Iterator[Account]:
    with account_scope(account):
        yield account


@pytest.fixture
def agent(account: Account) -> Membership:
    return make_member(account, Role.AGENT, "laura")


@pytest.fixture
def teammate(account: Account) -> Membership:
    return make_member(account, Role.AGENT, "diego")


@pytest.fixture
def supervisor(account: Account) -> Membership:
    return make_member(account, Role.SUPERVISOR, "sofia")


@pytest.fixture
def admin(account: Account) -> Membership:
    return make_member(account, Role.ADMIN, "ana")


@pytest.fixture
def outsider(other_account: Account) -> Membership:
    """An administrator of another account."""
    return make_member(other_account, Role.ADMIN, "omar")


def client_for(membership: Membership) -> Client:
    client = Client()
    client.force_login(membership.user)
    return client


@pytest.fixture
def agent_client(agent: Membership) -> Client:
    return client_for(agent)


@pytest.fixture
def supervisor_client(supervisor: Membership) -> Client:
    return client_for(supervisor)


@pytest.fixture
def admin_client(admin: Membership) -> Client:
    return client_for(admin)


@pytest.fixture
def outsider_client(outsider: Membership) -> Client:
    return client_for(outsider)
