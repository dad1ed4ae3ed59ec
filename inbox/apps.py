from django.apps import AppConfig


class InboxConfig(AppConfig):
    name = "inbox"

    def ready(self) -> None:
        from contacts.announcements import profiles_moved
        from inbox.weaving import split_conversations

        profiles_moved.connect(split_conversations, dispatch_uid="inbox.weaving")
