from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ConsentConfig(AppConfig):
    name = "consent"

    def ready(self) -> None:
        from accounts.opening import on_account_opened
        from consent.country_rules import load_shipped
        from consent.ledger_guard import guard_ledger
        from consent.purposes import give_purposes

        on_account_opened(give_purposes)
        post_migrate.connect(guard_ledger, sender=self, dispatch_uid="consent.ledger_guard")
        post_migrate.connect(load_shipped, sender=self, dispatch_uid="consent.country_rules")
