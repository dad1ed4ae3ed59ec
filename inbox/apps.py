from django.apps import AppConfig
from django.db.models.signals import post_migrate


class InboxConfig(AppConfig):
    name = "inbox"

    def ready(self) -> None:
        from consent.announcements import on_consent_changed
        from consent.confirmations import carry_letters
        from contacts.announcements import contacts_changed, profiles_moved
        from contacts.erasers import on_erasure
        from contacts.exporters import on_export
        from inbox.announcements import on_message_received
        from inbox.bots import note_message
        from inbox.cards import register_cards
        from inbox.concerns import register_concerns
        from inbox.confirming import carry_letter
        from inbox.delivery import stop_queued
        from inbox.erasing import forget_conversations
        from inbox.exporting import export_conversations
        from inbox.hearing import confirm_heard
        from inbox.needed_profiles import register_needed_profiles
        from inbox.retaining import register_retention
        from inbox.searching import create_function
        from inbox.weaving import split_conversations, tell_of_contacts

        register_cards()
        register_concerns()
        register_retention()
        register_needed_profiles()
        profiles_moved.connect(split_conversations, dispatch_uid="inbox.weaving")
        contacts_changed.connect(tell_of_contacts, dispatch_uid="inbox.weaving.contacts")
        post_migrate.connect(create_function, sender=self, dispatch_uid="inbox.searching")
        on_message_received(note_message)
        on_erasure("inbox", forget_conversations)
        on_message_received(confirm_heard)
        on_consent_changed(stop_queued)
        carry_letters(carry_letter)
        on_export("inbox", export_conversations)
