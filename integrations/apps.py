from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"

    def ready(self) -> None:
        from inbox.announcements import on_message_received
        from integrations.channels.registry import register_all
        from integrations.looking_up import look_up_strangers
        from integrations.sending_codes import register_senders

        register_all()
        register_senders()
        on_message_received(look_up_strangers)
