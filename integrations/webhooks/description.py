"""The webhooks in the OpenAPI description: what Hilo sends, for each type of event."""

from drf_spectacular.utils import OpenApiResponse, OpenApiWebhook, extend_schema, inline_serializer
from rest_framework import serializers

from integrations.webhooks.event_types import EVENT_TYPES, EventType
from integrations.webhooks.payloads import PAYLOADS


def _name(each: EventType) -> str:
    return "".join(word.capitalize() for word in each.name.split(".")) + "Webhook"


def _described(each: EventType) -> OpenApiWebhook:
    body = inline_serializer(
        _name(each),
        {
            "id": serializers.CharField(help_text="As in the header webhook-id; the same for every attempt and replay."),
            "type": serializers.CharField(help_text=each.name),
            "version": serializers.IntegerField(help_text="Of the payload of this type."),
            "timestamp": serializers.DateTimeField(help_text="When it happened. `data` is as things are when it is sent."),
            "data": PAYLOADS[each.name](),
        },
    )
    decorator = extend_schema(
        summary=each.label,
        operation_id=each.name.replace(".", "_"),
        tags=["webhooks"],
        request={"application/json": body},
        responses={"2XX": OpenApiResponse(description="Taken. Anything else is tried again for three days.")},
    )
    return OpenApiWebhook(name=each.name, decorator=decorator)


WEBHOOKS = [_described(each) for each in EVENT_TYPES.values()]
