from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ContactsConfig(AppConfig):
    name = "contacts"

    def ready(self) -> None:
        from accounts.changing_settings import on_unification_changed
        from contacts.announcements import contacts_changed
        from contacts.audit_words import name_audited_values
        from contacts.duplicates_card import register_card
        from contacts.quality.due import follow_change
        from contacts.searching import create_function
        from contacts.unification.switching import follow_setting

        on_unification_changed(follow_setting)
        register_card()
        contacts_changed.connect(follow_change, dispatch_uid="contacts.quality")
        name_audited_values()
        post_migrate.connect(create_function, sender=self, dispatch_uid="contacts.searching")
