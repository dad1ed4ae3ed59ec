"""The visitors' socket."""

from django.urls import path

from integrations.channels.webchat.consumer import VisitorConsumer

urlpatterns = [path("ws/chat/<str:key>/", VisitorConsumer.as_asgi())]
