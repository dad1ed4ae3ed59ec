"""The sockets of the inbox."""

from channels.auth import AuthMiddlewareStack
from django.urls import path

from inbox.consumers import AgentConsumer

urlpatterns = [path("ws/a/<slug:account_slug>/", AuthMiddlewareStack(AgentConsumer.as_asgi()))]
