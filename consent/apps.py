from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ConsentConfig(AppConfig):
    name = "consent"

    def ready(self) -> None:
        from accounts.opening import on_account_opened
        from consent.audit_words import name_audited_values
        from consent.concerns import register_concerns
        from consent.consent_card import register_card
        from consent.country_rules import load_shipped
        from consent.erasing import forget_consents
        from consent.exporting import export_consents
        from consent.ledger_guard import guard_ledger
        from consent.portal.erasing import erase_visits
        from consent.purposes import give_purposes
        from contacts.erasers import on_erasure
        from contacts.exporters import on_export

        on_account_opened(give_purposes)
        on_erasure("consent", forget_consents)
        on_erasure("portal", erase_visits)
        on_export("consent", export_consents)
        register_concerns()
        register_card()
        name_audited_values()
        post_migrate.connect(guard_ledger, sender=self, dispatch_uid="consent.ledger_guard")
        post_migrate.connect(load_shipped, sender=self, dispatch_uid="consent.country_rules")
