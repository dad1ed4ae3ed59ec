"""Clients as processes of their own, as several web workers are. Nothing here imports Django before it is set up."""

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any


def prepare() -> None:
    """Set Django up, under the role that serves requests."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ["HILO_DB_OWNER"] = "0"
    import django

    django.setup()


def at_once(work: Callable[..., Any], *, clients: int, **options: Any) -> list[Any]:
    """What ``work(seed=…)`` returned in each of so many processes."""
    with ProcessPoolExecutor(clients, mp_context=multiprocessing.get_context("spawn"), initializer=prepare) as pool:
        return [done.result() for done in [pool.submit(work, seed=seed, **options) for seed in range(clients)]]
