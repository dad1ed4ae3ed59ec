"""The pages of the channels and of the outgoing webhooks."""

from django.urls import path

from integrations.views import channels, webhooks

app_name = "integrations"
CHANNELS = "a/<slug:account_slug>/settings/channels/"
WEBHOOKS = "a/<slug:account_slug>/settings/webhooks/"
urlpatterns = [
    path(CHANNELS, channels.channels, name="channels"),
    path(f"{CHANNELS}new/<slug:kind>/", channels.connect, name="connect"),
    path(f"{CHANNELS}<int:channel_id>/", channels.channel, name="channel"),
    path(f"{CHANNELS}<int:channel_id>/switch/", channels.switch, name="switch"),
    path(f"{CHANNELS}<int:channel_id>/check/", channels.check, name="check"),
    path(f"{CHANNELS}<int:channel_id>/bot/", channels.bot, name="bot"),
    path(f"{CHANNELS}<int:channel_id>/events/<int:event_id>/replay/", channels.replay, name="replay"),
    path(WEBHOOKS, webhooks.webhooks, name="webhooks"),
    path(f"{WEBHOOKS}new/", webhooks.new, name="webhook_new"),
    path(f"{WEBHOOKS}<int:subscription_id>/", webhooks.webhook, name="webhook"),
    path(f"{WEBHOOKS}<int:subscription_id>/rotate/", webhooks.rotate, name="webhook_rotate"),
    path(f"{WEBHOOKS}<int:subscription_id>/test/", webhooks.test, name="webhook_test"),
    path(f"{WEBHOOKS}<int:subscription_id>/switch/", webhooks.switch, name="webhook_switch"),
    path(f"{WEBHOOKS}<int:subscription_id>/delete/", webhooks.delete, name="webhook_delete"),
    path(f"{WEBHOOKS}<int:subscription_id>/replay/", webhooks.replay_range, name="webhook_replay_range"),
    path(f"{WEBHOOKS}deliveries/<int:delivery_id>/", webhooks.delivery, name="webhook_delivery"),
    path(f"{WEBHOOKS}deliveries/<int:delivery_id>/replay/", webhooks.replay_one, name="webhook_replay"),
]
