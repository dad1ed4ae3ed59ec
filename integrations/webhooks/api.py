"""``/api/v1/webhooks/``: subscriptions, their log, test and replay. For tokens of administrators."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.api.errors import Conflict
from accounts.api.serializing import StrictSerializer
from accounts.api.views import ApiListView
from accounts.roles import Ability
from integrations.models import WebhookAttempt, WebhookDelivery, WebhookSubscription
from integrations.webhooks import subscribing
from integrations.webhooks.delivering import deliver
from integrations.webhooks.event_types import EVENT_TYPES
from integrations.webhooks.queries import deliveries
from integrations.webhooks.replaying import replay, replay_range
from integrations.webhooks.schedule import LONGEST_OVERLAP, OVERLAP

HOURS = timedelta(hours=1)


class WebhookSerializer(serializers.ModelSerializer):
    """A subscription. Its secret is given once, when it is made and when it is rotated."""

    kind = serializers.CharField(read_only=True, help_text="webhook, segment")
    state = serializers.CharField(read_only=True, help_text="active, paused (by a person), failing (paused by Hilo)")

    class Meta:
        model = WebhookSubscription
        fields = ["id", "kind", "name", "url", "events", "state", "previous_until", "failing_since", "last_success_at", "created_at"]
        read_only_fields = fields


class WebhookWithSecretSerializer(WebhookSerializer):
    secret = serializers.CharField(help_text="Given this once; null when the answer to an Idempotency-Key is given again.", allow_null=True)

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class NewWebhookSerializer(StrictSerializer):
    name = serializers.CharField(max_length=subscribing.NAME_LENGTH)
    url = serializers.CharField(max_length=subscribing.URL_LENGTH, help_text="Has to start with https://.")
    events = serializers.ListField(child=serializers.ChoiceField(choices=list(EVENT_TYPES)), min_length=1)


class WebhookChangeSerializer(StrictSerializer):
    name = serializers.CharField(max_length=subscribing.NAME_LENGTH, required=False)
    url = serializers.CharField(max_length=subscribing.URL_LENGTH, required=False)
    events = serializers.ListField(child=serializers.ChoiceField(choices=list(EVENT_TYPES)), min_length=1, required=False)
    is_active = serializers.BooleanField(required=False, help_text="False pauses it: what happens meanwhile waits.")


class RotateSerializer(StrictSerializer):
    overlap_hours = serializers.IntegerField(
        min_value=0,
        max_value=LONGEST_OVERLAP // HOURS,
        default=OVERLAP // HOURS,
        help_text="For how long the former secret signs too.",
    )


class NoFieldsSerializer(StrictSerializer):
    """No fields."""


class ReplaySerializer(StrictSerializer):
    since = serializers.DateTimeField(help_text="From when, by the time of the events.")
    until = serializers.DateTimeField(help_text="Up to when, not included.")
    only_failed = serializers.BooleanField(default=False)


class ReplayedSerializer(serializers.Serializer):
    events = serializers.IntegerField(help_text="How many events are sent again.")


class DeliverySerializer(serializers.ModelSerializer):
    """One event on its way to one subscription."""

    event = serializers.SerializerMethodField(help_text="The webhook-id: the same for every attempt and replay.")
    type = serializers.CharField(source="event.type")
    occurred_at = serializers.DateTimeField(source="event.occurred_at")
    state = serializers.CharField(help_text="pending, delivered, failed (given up), skipped (nothing to tell any more)")

    class Meta:
        model = WebhookDelivery
        fields = ["id", "event", "type", "occurred_at", "order_key", "state", "attempts", "next_attempt_at", "settled_at", "replayed_at"]
        read_only_fields = fields

    def get_event(self, delivery: WebhookDelivery) -> str:
        return f"evt_{delivery.event.uid.hex}"


class AttemptSerializer(serializers.ModelSerializer):
    request = serializers.DictField(help_text="url, headers, body: cut to size, without signatures. Erased with the person.")
    answer = serializers.DictField(help_text="headers, body: cut to size.")

    class Meta:
        model = WebhookAttempt
        fields = ["at", "milliseconds", "status", "error", "request", "answer"]
        read_only_fields = fields


class DeliveryDetailSerializer(DeliverySerializer):
    tries = AttemptSerializer(many=True, help_text="The latest first.")

    class Meta(DeliverySerializer.Meta):
        fields = [*DeliverySerializer.Meta.fields, "tries"]


class WebhookApiView(ApiListView):
    ability = Ability.MANAGE_ACCOUNT
    serializer_class: type[serializers.BaseSerializer] = WebhookSerializer
    queryset = WebhookSubscription.objects.none()

    def subscription(self, pk: int) -> WebhookSubscription:
        return get_object_or_404(WebhookSubscription.scoped(), pk=pk)

    def with_secret(self, subscription: WebhookSubscription, secret: str, **options: Any) -> Response:
        data = {**WebhookSerializer(subscription).data, "secret": secret}
        response = Response(data, **options)
        # What is kept for a repeated request holds no secret.
        response.kept = {**data, "secret": None}  # type: ignore[attr-defined]
        return response

    def detail(self, delivery: WebhookDelivery) -> Response:
        found = deliveries(delivery.subscription).prefetch_related("tries").get(pk=delivery.pk)
        return Response(DeliveryDetailSerializer(found).data)


class WebhookListView(WebhookApiView):
    @extend_schema(summary="Webhook subscriptions, newest first", operation_id="webhooks_list", responses=WebhookSerializer(many=True))
    def get(self, request: Request) -> Response:
        return self.answer_page(WebhookSubscription.scoped())

    @extend_schema(summary="Subscribe to events", request=NewWebhookSerializer, responses={201: WebhookWithSecretSerializer})
    def post(self, request: Request) -> Response:
        wanted = NewWebhookSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        made, secret = subscribing.subscribe(**wanted.validated_data, by=self.actor)
        location = reverse("api:webhook", args=[made.pk], request=request)
        return self.with_secret(made, secret, status=201, headers={"Location": location})


class WebhookView(WebhookApiView):
    @extend_schema(summary="One webhook subscription", operation_id="webhooks_retrieve", responses=WebhookSerializer)
    def get(self, request: Request, pk: int) -> Response:
        return Response(WebhookSerializer(self.subscription(pk)).data)

    @extend_schema(summary="Change, pause or resume a subscription", request=WebhookChangeSerializer, responses=WebhookSerializer)
    def patch(self, request: Request, pk: int) -> Response:
        found = self.subscription(pk)
        wanted = WebhookChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        is_active = values.pop("is_active", None)
        with transaction.atomic():
            found = subscribing.change(subscription=found, changes=values, by=self.actor)
            if is_active is not None:
                found = (subscribing.resume if is_active else subscribing.pause)(subscription=found, by=self.actor)
        return Response(WebhookSerializer(found).data)

    @extend_schema(summary="Delete a subscription with its log", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        subscribing.unsubscribe(subscription=self.subscription(pk), by=self.actor)
        return Response(status=204)


class WebhookRotateView(WebhookApiView):
    @extend_schema(
        summary="Change the secret; for a while both sign",
        operation_id="webhooks_rotate",
        request=RotateSerializer,
        responses=WebhookWithSecretSerializer,
    )
    def post(self, request: Request, pk: int) -> Response:
        found = self.subscription(pk)
        if found.kind != WebhookSubscription.Kind.WEBHOOK:
            raise Conflict("Only webhooks sign.", code="no_secret")
        wanted = RotateSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        overlap = wanted.validated_data["overlap_hours"] * HOURS
        return self.with_secret(*subscribing.rotate(subscription=found, by=self.actor, overlap=overlap))


class WebhookTestView(WebhookApiView):
    @extend_schema(
        summary="Send a test event now",
        operation_id="webhooks_test",
        request=NoFieldsSerializer,
        responses=DeliveryDetailSerializer,
    )
    def post(self, request: Request, pk: int) -> Response:
        """The answer comes when the receiver has answered, after 15 seconds at most. With an Idempotency-Key it goes out later."""
        NoFieldsSerializer(data=request.data).is_valid(raise_exception=True)
        delivery = subscribing.prepare_test(subscription=self.subscription(pk), by=self.actor)
        transaction.on_commit(lambda: deliver(delivery_id=delivery.pk))
        return self.detail(delivery)


class WebhookReplayView(WebhookApiView):
    @extend_schema(
        summary="Send the events of a stretch of time again",
        operation_id="webhooks_replay",
        request=ReplaySerializer,
        responses=ReplayedSerializer,
    )
    def post(self, request: Request, pk: int) -> Response:
        found = self.subscription(pk)
        wanted = ReplaySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        return Response({"events": replay_range(subscription=found, **wanted.validated_data, by=self.actor)})


class WebhookDeliveryListView(WebhookApiView):
    serializer_class = DeliverySerializer

    @extend_schema(
        summary="The log of a subscription, newest first",
        operation_id="webhooks_deliveries_list",
        responses=DeliverySerializer(many=True),
        parameters=[OpenApiParameter("state", str, enum=WebhookDelivery.State.values)],
    )
    def get(self, request: Request, pk: int) -> Response:
        rows = deliveries(self.subscription(pk))
        state = request.query_params.get("state", "")
        if state and state not in WebhookDelivery.State.values:
            raise ValidationError({"state": WebhookDelivery.State.values})
        return self.answer_page(rows.filter(state=state) if state else rows)


class WebhookDeliveryView(WebhookApiView):
    @extend_schema(
        summary="One delivery with its requests and answers", operation_id="webhooks_delivery", responses=DeliveryDetailSerializer
    )
    def get(self, request: Request, pk: int) -> Response:
        return self.detail(get_object_or_404(WebhookDelivery.scoped().select_related("subscription"), pk=pk))


class WebhookDeliveryReplayView(WebhookApiView):
    @extend_schema(
        summary="Send one event again",
        operation_id="webhooks_delivery_replay",
        request=NoFieldsSerializer,
        responses=DeliveryDetailSerializer,
    )
    def post(self, request: Request, pk: int) -> Response:
        delivery = get_object_or_404(WebhookDelivery.scoped().select_related("subscription"), pk=pk)
        NoFieldsSerializer(data=request.data).is_valid(raise_exception=True)
        return self.detail(replay(delivery=delivery, by=self.actor))
