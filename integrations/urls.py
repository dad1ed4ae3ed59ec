"""The pages of the channels."""

from django.urls import path

from integrations.views import channels

app_name = "integrations"
CHANNELS = "a/<slug:account_slug>/settings/channels/"
urlpatterns = [
    path(CHANNELS, channels.channels, name="channels"),
    path(f"{CHANNELS}new/<slug:kind>/", channels.connect, name="connect"),
    path(f"{CHANNELS}<int:channel_id>/", channels.channel, name="channel"),
    path(f"{CHANNELS}<int:channel_id>/switch/", channels.switch, name="switch"),
    path(f"{CHANNELS}<int:channel_id>/check/", channels.check, name="check"),
    path(f"{CHANNELS}<int:channel_id>/bot/", channels.bot, name="bot"),
    path(f"{CHANNELS}<int:channel_id>/events/<int:event_id>/replay/", channels.replay, name="replay"),
]
