"""The database backend: connections of the pool work under the web role."""

from django.conf import settings
from django.db import connection

from accounts.database.base import DatabaseWrapper


def test_a_pooled_connection_takes_the_web_role_without_waiting_for_the_pool(db: None) -> None:
    row = {**connection.settings_dict, "OPTIONS": {"assume_role": settings.APP_ROLE, "pool": {"min_size": 1, "max_size": 2, "timeout": 5}}}
    wrapper = DatabaseWrapper(row, alias="default")
    try:
        with wrapper.cursor() as cursor:
            cursor.execute("SELECT current_user")
            assert cursor.fetchone() == (settings.APP_ROLE,)
    finally:
        wrapper.close()
        wrapper.close_pool()
