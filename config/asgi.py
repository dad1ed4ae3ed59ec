"""The ASGI application: webhooks go to the thin intake, sockets to Channels, everything else to Django."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

django = get_asgi_application()

# These need the apps that the line above has loaded, and tasks need their application.
from config.celery import app as _celery  # noqa: E402, F401
from integrations.intake import Intake  # noqa: E402

application = Intake(django)
