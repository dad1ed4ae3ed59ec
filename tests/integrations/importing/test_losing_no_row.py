"""``kill -9`` of a real worker in the middle of an import: whoever goes on takes every row in once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Account, Membership
from accounts.scope import account_scope
from contacts.locks import lock_keys
from contacts.models import Contact, Identifier
from integrations.importing.running import ask
from integrations.importing.uploading import upload
from integrations.models import ImportedRow, ImportRun
from tests.committed import db  # noqa: F401
from tests.inbox.worker import Engine, wait_until
from tests.integrations.importing.files import uploaded

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("db")]
ROWS = 900
# The row at which the worker is held while it is killed; it is in the fourth lot.
HELD = 700


@pytest.fixture
def engine(db: None, tmp_path: Path, settings: Any) -> Iterator[Engine]:  # noqa: F811
    # The uploaded file is where the worker looks for it.
    settings.MEDIA_ROOT = tmp_path / "media"
    engine = Engine(tmp_path)
    yield engine
    engine.close()


def test_every_row_once(engine: Engine, account: Account, admin: Membership) -> None:
    content = "id;nombre;correo\n" + "".join(f"{number};Persona {number};p{number}@ejemplo.cl\n" for number in range(ROWS))
    with account_scope(account):
        run = ask(imported=upload(file=uploaded(content), kind="contacts", by=Actor.person(admin)), kind="run", by=Actor.person(admin))

        def now() -> ImportRun:
            return ImportRun.scoped().get(pk=run.pk)

        with transaction.atomic():
            lock_keys([("email", f"p{HELD}@ejemplo.cl")])
            worker = engine.start_worker()
            engine.ask("integrations.tasks.carry_out_import", account_id=account.pk, run_id=run.pk)
            wait_until(lambda: now().reached >= HELD // 200 * 200)
            engine.kill(worker)
        cut = now()
        assert (cut.state, cut.reached, Contact.scoped().count()) == ("running", 600, 600)

        ImportRun.scoped().filter(pk=run.pk).update(beat_at=timezone.now() - 2 * ImportRun.DEAD_AFTER)
        engine.start_worker()
        engine.ask("integrations.tasks.sweep_imports")
        wait_until(lambda: now().state != "running")

        done = now()
        assert (done.state, done.reached, done.figures["counts"]) == ("done", ROWS, {"created": ROWS}), engine.log()
        assert Identifier.scoped().filter(kind="email").values("value").distinct().count() == Identifier.scoped().count() == ROWS
        assert sorted(ImportedRow.scoped().values_list("number", flat=True)) == list(range(2, ROWS + 2))
