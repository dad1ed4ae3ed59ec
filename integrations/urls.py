"""The pages of the channels, of customer data and of the outgoing webhooks, and the door of customer data."""

from django.urls import path, re_path

from integrations.cdp import door
from integrations.views import channels, customer_data, webhooks

app_name = "integrations"
CHANNELS = "a/<slug:account_slug>/settings/channels/"
CUSTOMER_DATA = "a/<slug:account_slug>/settings/customer-data/"
WEBHOOKS = "a/<slug:account_slug>/settings/webhooks/"
urlpatterns = [
    path(CHANNELS, channels.channels, name="channels"),
    path(f"{CHANNELS}new/<slug:kind>/", channels.connect, name="connect"),
    path(f"{CHANNELS}<int:channel_id>/", channels.channel, name="channel"),
    path(f"{CHANNELS}<int:channel_id>/switch/", channels.switch, name="switch"),
    path(f"{CHANNELS}<int:channel_id>/check/", channels.check, name="check"),
    path(f"{CHANNELS}<int:channel_id>/bot/", channels.bot, name="bot"),
    path(f"{CHANNELS}<int:channel_id>/events/<int:event_id>/replay/", channels.replay, name="replay"),
    path(CUSTOMER_DATA, customer_data.customer_data, name="customer_data"),
    path(f"{CUSTOMER_DATA}<int:source_id>/rotate/", customer_data.rotate, name="customer_data_rotate"),
    path(f"{CUSTOMER_DATA}<int:source_id>/revoke/", customer_data.revoke, name="customer_data_revoke"),
    path(f"{CUSTOMER_DATA}messages/<int:message_id>/replay/", customer_data.replay, name="customer_data_replay"),
    # Segment's libraries write the addresses without a slash at the end.
    re_path(r"^v1/(?P<kind>identify|track|page|screen|alias)$", door.single, name="customer_data_door"),
    path("v1/batch", door.batch, name="customer_data_batch"),
    path("v1/import", door.batch, name="customer_data_import"),
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
