from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate

from config.embedded import remember_migrations


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        import structlog

        from config.catalogs import compile_stale

        # One of many senders, so that it happens once for each `migrate`.
        post_migrate.connect(_remember_migrations, sender=apps.get_app_config("accounts"))
        try:
            compile_stale()
        except OSError as error:
            # An installation on a read-only disk compiles them when it is built (manage.py catalogs).
            structlog.get_logger("hilo").warning("catalogs_not_compiled", error=str(error))


def _remember_migrations(**_kwargs: Any) -> None:
    remember_migrations()
