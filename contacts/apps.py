from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ContactsConfig(AppConfig):
    name = "contacts"

    def ready(self) -> None:
        from contacts.searching import create_function

        post_migrate.connect(create_function, sender=self, dispatch_uid="contacts.searching")
