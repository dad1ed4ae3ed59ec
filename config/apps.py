from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate

from config.embedded import remember_migrations


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        # One of many senders, so that it happens once for each `migrate`.
        post_migrate.connect(_remember_migrations, sender=apps.get_app_config("accounts"))


def _remember_migrations(**_kwargs: Any) -> None:
    remember_migrations()
