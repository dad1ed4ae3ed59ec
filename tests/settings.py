"""The settings under test, with engines of their own for the tests.

Two test processes share one database server and one broker, but neither databases nor topics.
"""

import os

os.environ.setdefault("HILO_ENGINES", "test")
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0")

# Workers of pytest-xdist inherit what their controller has set here; each needs a number, and a hold on the server, of its own.
if os.environ.get("REDIS_URL") == os.environ.get("HILO_TEST_BROKER"):
    from config.embedded import redis_url

    os.environ["REDIS_URL"] = os.environ["HILO_TEST_BROKER"] = f"{redis_url().removesuffix('/0')}/{int(WORKER[2:]) % 8}"

from config.settings import *  # noqa: E402, F403
from config.settings import CHANNEL_LAYERS, REDIS_URL  # noqa: E402

# A number that no worker listens to (see tests.broker).
SERVER, _, NUMBER = REDIS_URL.rpartition("/")
CELERY_BROKER_WRITE_URL = os.environ.get("HILO_TEST_TASKS_TO") or f"{SERVER}/{15 - int(NUMBER)}"

# Every test client loads the middleware anew; without this each would read all static files before its first answer.
WHITENOISE_AUTOREFRESH = True

# Topics of the socket layer are not divided by database number.
CHANNEL_LAYERS["default"]["CONFIG"]["prefix"] = f"hilo-live-{WORKER}"  # type: ignore[index]
