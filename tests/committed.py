"""For tests whose rows other threads, processes and sockets read: import ``db`` into the module, and everything commits.

Nothing is rolled back or truncated: every test opens accounts of its own.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections


@pytest.fixture
def db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The test database, without a transaction around the test."""
    with django_db_blocker.unblock():
        yield
        connections.close_all()
