"""The Celery application. Tasks are doors: they enter the account's scope and call a domain function."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("hilo")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
