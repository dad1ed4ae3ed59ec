"""Embedded data and the migration files that made it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from config.embedded import fingerprint, unfinished
from tests.config.embedded_users import CHECKOUT, Ground, make_ground


@pytest.fixture
def ground() -> Iterator[Ground]:
    """A checkout with one migration, which made the database."""
    with make_ground("var") as made:
        made.checkout = made.var.parent / "checkout"
        shutil.copytree(CHECKOUT / "config" / "embedded", made.checkout / "config" / "embedded")
        (made.checkout / "config" / "__init__.py").touch()
        migration = migration_of(made)
        migration.parent.mkdir(parents=True)
        migration.write_text("first")
        made.use().leave()
        made.wait_until_stopped()
        (made.home() / "migrations.json").write_text(_fingerprint(made.checkout))
        yield made


def migration_of(ground: Ground) -> Path:
    return ground.checkout / "contacts" / "migrations" / "0001_initial.py"


def _fingerprint(checkout: Path) -> str:
    return json.dumps(fingerprint.take(checkout))


def folders_moved_aside(ground: Ground, engine: str = "postgres") -> list[Path]:
    return list(ground.home(engine).glob("data-until-*"))


def write_row(ground: Ground) -> None:
    user = ground.use()
    with psycopg.connect(user.address) as connection:
        connection.execute("create table kept as select 42 as answer")
    user.leave()
    ground.wait_until_stopped()


def table_exists(address: str) -> bool:
    with psycopg.connect(address) as connection:
        row = connection.execute("select to_regclass('kept') is not null").fetchone()
        return bool(row and row[0])


def test_data_stays_while_migrations_fit(ground: Ground) -> None:
    write_row(ground)
    migration_of(ground).with_name("0002_more.py").write_text("second")

    user = ground.use()

    assert table_exists(user.address)
    assert user.leave() == ""
    assert folders_moved_aside(ground) == []


@pytest.mark.parametrize("change", ["edited", "deleted"])
def test_data_is_moved_aside_when_a_migration_changed(ground: Ground, change: str) -> None:
    write_row(ground)
    if change == "edited":
        migration_of(ground).write_text("other")
    else:
        migration_of(ground).unlink()

    user = ground.use()

    assert not table_exists(user.address)
    (kept,) = folders_moved_aside(ground)
    assert (kept / "PG_VERSION").exists()
    message = user.leave()
    assert "migrations no longer fit" in message
    assert str(kept) in message


def test_new_data_is_not_moved_aside_again(ground: Ground) -> None:
    migration_of(ground).write_text("other")
    ground.use().leave()
    ground.wait_until_stopped()

    assert ground.use().leave() == ""
    assert len(folders_moved_aside(ground)) == 1


def test_broker_forgets_what_it_knew_of_the_old_database(ground: Ground) -> None:
    user = ground.use("redis_url")
    with redis.Redis.from_url(user.address) as client:
        client.set("session", "of a user who is gone")
    user.leave()
    ground.wait_until_stopped("valkey")
    migration_of(ground).write_text("other")
    ground.use()

    again = ground.use("redis_url")

    with redis.Redis.from_url(again.address) as client:
        assert client.get("session") is None
    assert len(folders_moved_aside(ground, "valkey")) == 1


def test_data_that_only_lingers_is_moved_aside(ground: Ground) -> None:
    ground.use(linger=60).leave()
    migration_of(ground).write_text("other")

    assert "migrations no longer fit" in ground.use().leave()
    assert len(folders_moved_aside(ground)) == 1


def test_data_in_use_stays_with_a_warning(ground: Ground) -> None:
    first = ground.use()
    migration_of(ground).write_text("other")

    second = ground.use()

    assert second.address == first.address
    assert folders_moved_aside(ground) == []
    assert "stays for now" in second.leave()


def test_data_that_was_never_finished_is_moved_aside(ground: Ground) -> None:
    write_row(ground)
    with pytest.raises(KeyboardInterrupt), unfinished.marked(ground.home()):
        # Others do not mind while somebody is at work.
        assert ground.use().leave() == ""
        raise KeyboardInterrupt

    user = ground.use()

    assert not table_exists(user.address)
    assert len(folders_moved_aside(ground)) == 1
    assert "filled for the first time" in user.leave()
    assert not unfinished.was_interrupted(ground.home())


def test_data_that_was_finished_stays(ground: Ground) -> None:
    with unfinished.marked(ground.home()):
        write_row(ground)

    assert table_exists(ground.use().address)


def test_data_for_tests_is_never_moved_aside(ground: Ground) -> None:
    ground.engines = "test"
    write_row(ground)
    (ground.home() / "migrations.json").write_text(_fingerprint(ground.checkout))
    migration_of(ground).write_text("other")

    user = ground.use()

    assert table_exists(user.address)
    assert user.leave() == ""
    ground.wait_until_stopped()
    ground.engines = "main"


def test_migrate_itself_remembers_what_made_the_database(tmp_path: Path) -> None:
    with make_ground("var") as made:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HILO_VAR": str(made.var), "HILO_ENGINES": "main"}
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--no-input", "-v", "0"],
            cwd=CHECKOUT,
            env=environment,
            check=True,
            timeout=600,
        )

        kept = json.loads((made.home() / "migrations.json").read_text())

        assert kept == fingerprint.take(CHECKOUT)
        made.wait_until_stopped()


def test_fingerprint_covers_every_migration_but_no_virtual_environment(tmp_path: Path) -> None:
    for name in (
        "contacts/migrations/0001_initial.py",
        "integrations/crm/migrations/0001_initial.py",
        "contacts/migrations/__init__.py",
        ".venv/site-packages/migrations/0001_initial.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")

    assert set(fingerprint.take(tmp_path)) == {
        "contacts/migrations/0001_initial.py",
        "integrations/crm/migrations/0001_initial.py",
    }
