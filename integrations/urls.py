"""The pages of the channels, connections, customer data and outgoing webhooks, and the door of customer data."""

from django.urls import path, re_path

from integrations.cdp import door, signed_door
from integrations.syncing import door as connection_door
from integrations.views import channels, connections, customer_data, exports, imports, mapping, scheduled_exports, signing_in, webhooks

app_name = "integrations"
CHANNELS = "a/<slug:account_slug>/settings/channels/"
CUSTOMER_DATA = "a/<slug:account_slug>/settings/customer-data/"
WEBHOOKS = "a/<slug:account_slug>/settings/webhooks/"
CONNECTIONS = "a/<slug:account_slug>/settings/connections/"
ONE = f"{CONNECTIONS}<int:connection_id>/"
IMPORT = "a/<slug:account_slug>/contacts/import/"
EXPORT = "a/<slug:account_slug>/contacts/export/"
SCHEDULED = f"{EXPORT}scheduled/"
urlpatterns = [
    path(EXPORT, exports.exports, name="exports"),
    path(f"{EXPORT}<int:export_id>/", exports.export_progress, name="export_progress"),
    path(f"{EXPORT}<int:export_id>/file/", exports.export_file, name="export_file"),
    path(SCHEDULED, scheduled_exports.scheduled_exports, name="scheduled_exports"),
    path(f"{SCHEDULED}new/", scheduled_exports.new, name="scheduled_export_new"),
    path(f"{SCHEDULED}<int:scheduled_id>/", scheduled_exports.scheduled_export, name="scheduled_export"),
    path(f"{SCHEDULED}<int:scheduled_id>/run/", scheduled_exports.run, name="scheduled_export_run"),
    path(f"{SCHEDULED}<int:scheduled_id>/switch/", scheduled_exports.switch, name="scheduled_export_switch"),
    path(f"{SCHEDULED}<int:scheduled_id>/delete/", scheduled_exports.delete, name="scheduled_export_delete"),
    path(IMPORT, imports.imports, name="imports"),
    path(f"{IMPORT}<int:import_id>/", imports.import_page, name="import"),
    path(f"{IMPORT}<int:import_id>/columns/", imports.import_mapping, name="import_mapping"),
    path(f"{IMPORT}<int:import_id>/start/", imports.import_start, name="import_start"),
    path(f"{IMPORT}runs/<int:run_id>/", imports.import_progress, name="import_progress"),
    path(f"{IMPORT}runs/<int:run_id>/cancel/", imports.import_cancel, name="import_cancel"),
    path(f"{IMPORT}runs/<int:run_id>/rejected/", imports.import_rejected, name="import_rejected"),
    path(CHANNELS, channels.channels, name="channels"),
    path(f"{CHANNELS}new/<slug:kind>/", channels.connect, name="connect"),
    path(f"{CHANNELS}<int:channel_id>/", channels.channel, name="channel"),
    path(f"{CHANNELS}<int:channel_id>/switch/", channels.switch, name="switch"),
    path(f"{CHANNELS}<int:channel_id>/check/", channels.check, name="check"),
    path(f"{CHANNELS}<int:channel_id>/bot/", channels.bot, name="bot"),
    path(f"{CHANNELS}<int:channel_id>/events/<int:event_id>/replay/", channels.replay, name="replay"),
    path(CUSTOMER_DATA, customer_data.customer_data, name="customer_data"),
    path(f"{CUSTOMER_DATA}<int:source_id>/", customer_data.source, name="customer_data_source"),
    path(f"{CUSTOMER_DATA}<int:source_id>/secret/", customer_data.secret, name="customer_data_secret"),
    path(f"{CUSTOMER_DATA}<int:source_id>/rotate/", customer_data.rotate, name="customer_data_rotate"),
    path(f"{CUSTOMER_DATA}<int:source_id>/revoke/", customer_data.revoke, name="customer_data_revoke"),
    path(f"{CUSTOMER_DATA}messages/<int:message_id>/replay/", customer_data.replay, name="customer_data_replay"),
    # Segment's libraries write the addresses without a slash at the end, and those for browsers shorten them.
    re_path(r"^v1/(?P<kind>identify|track|page|screen|alias|[itpsa])$", door.single, name="customer_data_door"),
    path("v1/batch", door.batch, name="customer_data_batch"),
    path("v1/b", door.batch, name="customer_data_b"),
    path("v1/import", door.batch, name="customer_data_import"),
    re_path(r"^hooks/identify/(?P<account_id>[0-9]{1,18})-(?P<key>[A-Za-z0-9_-]{1,32})/?$", signed_door.identify, name="signed_identify"),
    path(CONNECTIONS, connections.connections, name="connections"),
    path(f"{CONNECTIONS}new/<slug:kind>/", connections.new, name="connection_new"),
    path(ONE, connections.connection, name="connection"),
    path(f"{ONE}settings/", connections.settings, name="connection_settings"),
    path(f"{ONE}sign-in/", signing_in.sign_in, name="connection_sign_in"),
    path(f"{ONE}sign-in/finish/", signing_in.finish, name="connection_sign_in_finish"),
    path("oauth/callback/", signing_in.oauth_callback, name="oauth_callback"),
    path(f"{ONE}check/", connections.check, name="connection_check"),
    path(f"{ONE}pause/", connections.pause, name="connection_pause"),
    path(f"{ONE}release/", connections.release, name="connection_release"),
    path(f"{ONE}run/", connections.run, name="connection_run"),
    path(f"{ONE}runs/<int:run_id>/", connections.progress, name="connection_progress"),
    path(f"{ONE}conflicts/<int:conflict_id>/", connections.settle, name="connection_settle"),
    path(f"{ONE}conflicts/<int:conflict_id>/undo/", connections.settle_undo, name="connection_settle_undo"),
    path(f"{ONE}refused/<int:letter_id>/", connections.replay, name="connection_replay"),
    path(f"{ONE}mapping/", mapping.mapping, name="connection_mapping"),
    path(f"{ONE}mapping/<int:line_id>/change/", mapping.mapping_line, name="connection_mapping_line"),
    path(f"{ONE}mapping/<int:line_id>/remove/", mapping.mapping_remove, name="connection_mapping_remove"),
    path(f"{ONE}disconnect/", connections.disconnect, name="connection_disconnect"),
    path("hooks/crm/<slug:key>/", connection_door.changes_there, name="connection_hook"),
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
