from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts.redacting import create_functions
        from accounts.row_security import create_extensions, lock_tables

        pre_migrate.connect(create_extensions, dispatch_uid="accounts.extensions")
        # Whatever the migrations made, every table of an account is locked when they end.
        post_migrate.connect(lock_tables, dispatch_uid="accounts.row_security")
        post_migrate.connect(create_functions, sender=self, dispatch_uid="accounts.redacting")
