"""Settings, environment, routes, processes, engines and the demo: the outermost room of the house."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
