from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        import structlog

        from config.catalogs import compile_stale

        try:
            compile_stale()
        except OSError as error:
            # An installation on a read-only disk compiles them when it is built (manage.py catalogs).
            structlog.get_logger("hilo").warning("catalogs_not_compiled", error=str(error))
