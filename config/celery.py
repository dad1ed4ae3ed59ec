"""The Celery application. Tasks are doors: they enter the account's scope and call a domain function."""

import os

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("hilo")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Web servers ask for tasks from threads that never saw this module run.
app.set_default()


def _keep_our_logs(**_kwargs: object) -> None:
    """Celery leaves logging as Django configured it, so that workers write the same structured lines as the web."""


setup_logging.connect(_keep_our_logs, weak=False)
