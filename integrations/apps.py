from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"

    def ready(self) -> None:
        from accounts.audit_details import name_settings, name_values
        from accounts.models import ChannelKind
        from contacts.announcements import contacts_changed
        from contacts.erasers import on_erasure
        from contacts.models import Source
        from contacts.origins import name_origins
        from inbox.announcements import on_message_received
        from integrations.cdp.people import register_people
        from integrations.cdp.sending import compose_segment
        from integrations.channels.registry import register_all
        from integrations.channels.webchat.erasing import forget_visitors
        from integrations.connecting import channel_setting_words
        from integrations.exporting.erasing import forget_files
        from integrations.importing.keeping import forget_person
        from integrations.looking_up import look_up_strangers
        from integrations.models import WebhookSubscription
        from integrations.sending_codes import register_senders
        from integrations.sending_letters import register_letters
        from integrations.syncing.erasing import forget_records
        from integrations.syncing.outbox import hear_of_changes
        from integrations.syncing.queries import connection_names
        from integrations.webhooks.destinations import compose_webhook, register
        from integrations.webhooks.erasing import forget_webhooks
        from integrations.webhooks.listening import register_listeners

        register_all()
        name_settings("channel.update", channel_setting_words)
        name_values("kind", dict(ChannelKind.choices))
        register_senders()
        register_letters()
        on_message_received(look_up_strangers)
        on_erasure("integrations", forget_visitors)
        register(WebhookSubscription.Kind.WEBHOOK, compose_webhook)
        register(WebhookSubscription.Kind.SEGMENT, compose_segment)
        register_listeners()
        register_people()
        on_erasure("webhooks", forget_webhooks)
        on_erasure("integrations.syncing", forget_records)
        contacts_changed.connect(hear_of_changes, dispatch_uid="integrations.syncing")
        name_origins(Source.CRM, connection_names)
        on_erasure("imports", forget_person)
        on_erasure("exported files", forget_files)
