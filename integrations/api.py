"""``/api/v1/channels/``: the doors of the account."""

from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.api.serializing import StrictSerializer
from accounts.api.views import ApiListView
from accounts.models import Channel, ChannelKind
from accounts.roles import Ability
from integrations.connecting import BOT_QUESTIONS, activate_channel, connect_channel, set_greeting_bot, update_channel, webhook_url


class ChannelSerializer(serializers.ModelSerializer):
    """A channel. What only administrators may see is left out for other roles; secrets are left out for everybody."""

    webhook_url = serializers.SerializerMethodField(help_text="Where the provider sends its events; empty where it sends none.")
    settings = serializers.DictField(read_only=True, help_text="Without secrets.")

    ADMIN_ONLY = ("webhook_url", "settings", "greeting_bot", "problem", "sending_problem", "refused_count")

    class Meta:
        model = Channel
        fields = [
            "id",
            "kind",
            "name",
            "is_active",
            "webhook_url",
            "settings",
            "greeting_bot",
            "problem",
            "sending_problem",
            "refused_count",
            "last_event_at",
            "created_at",
        ]
        read_only_fields = fields

    def get_webhook_url(self, channel: Channel) -> str:
        return webhook_url(channel)

    def to_representation(self, channel: Channel) -> dict[str, Any]:
        shown = super().to_representation(channel)
        if not self.context["view"].membership.may(Ability.MANAGE_CHANNELS):
            for name in self.ADMIN_ONLY:
                shown.pop(name)
        return shown


class GreetingBotSerializer(StrictSerializer):
    enabled = serializers.BooleanField()
    greeting = serializers.CharField(required=False, allow_blank=True, help_text="First words; empty: the product's own.")
    ask = serializers.ListField(child=serializers.ChoiceField(choices=BOT_QUESTIONS), required=False)


class NewChannelSerializer(StrictSerializer):
    kind = serializers.ChoiceField(choices=ChannelKind.choices)
    name = serializers.CharField(max_length=80)
    settings = serializers.DictField(
        child=serializers.JSONField(allow_null=True),
        required=False,
        help_text="As the kind needs. WhatsApp: phone_number_id, access_token, app_secret, verify_token, api_base.",
    )


class ChannelChangeSerializer(StrictSerializer):
    name = serializers.CharField(max_length=80, required=False)
    settings = serializers.DictField(
        child=serializers.JSONField(allow_null=True),
        required=False,
        help_text="What is not sent stays, and so does a secret that is empty.",
    )
    is_active = serializers.BooleanField(required=False)
    greeting_bot = GreetingBotSerializer(required=False)


class ChannelListView(ApiListView):
    abilities = {"GET": Ability.WORK_CONVERSATIONS, "POST": Ability.MANAGE_CHANNELS}
    serializer_class = ChannelSerializer
    queryset = Channel.objects.none()

    @extend_schema(summary="Channels, newest first", operation_id="channels_list", responses=ChannelSerializer(many=True))
    def get(self, request: Request) -> Response:
        return self.answer_page(Channel.scoped())

    @extend_schema(summary="Connect a channel", request=NewChannelSerializer, responses={201: ChannelSerializer})
    def post(self, request: Request) -> Response:
        wanted = NewChannelSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        channel = connect_channel(**{"settings": {}, **wanted.validated_data}, by=self.actor)
        location = reverse("api:channel", args=[channel.pk], request=request)
        return Response(self.get_serializer(channel).data, status=201, headers={"Location": location})


class ChannelView(ApiListView):
    abilities = {"GET": Ability.WORK_CONVERSATIONS, "PATCH": Ability.MANAGE_CHANNELS}
    serializer_class = ChannelSerializer
    queryset = Channel.objects.none()

    @extend_schema(summary="One channel", responses=ChannelSerializer)
    def get(self, request: Request, pk: int) -> Response:
        return Response(self.get_serializer(get_object_or_404(Channel.scoped(), pk=pk)).data)

    @extend_schema(summary="Change a channel, or switch it on or off", request=ChannelChangeSerializer, responses=ChannelSerializer)
    def patch(self, request: Request, pk: int) -> Response:
        channel = get_object_or_404(Channel.scoped(), pk=pk)
        wanted = ChannelChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = wanted.validated_data
        with transaction.atomic():
            if "name" in values or "settings" in values:
                channel = update_channel(channel=channel, name=values.get("name"), settings=values.get("settings"), by=self.actor)
            if "greeting_bot" in values:
                channel = set_greeting_bot(channel=channel, **values["greeting_bot"], by=self.actor)
            if "is_active" in values:
                channel = activate_channel(channel=channel, active=values["is_active"], by=self.actor)
        return Response(self.get_serializer(channel).data)
