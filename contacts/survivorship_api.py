"""``/api/v1/account/survivorship/``: which source wins, field by field."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializing import StrictSerializer
from accounts.api.views import ApiView
from accounts.roles import Ability
from contacts.choosing_survivorship import CHOICES, change_rules, latest_recomputation, preview_rules, rules_now
from contacts.quality.models import RecomputeRun


class RulesSerializer(StrictSerializer):
    rules = serializers.DictField(
        child=serializers.ChoiceField(choices=CHOICES),
        allow_empty=False,
        help_text="Field → rule; fields that are not sent keep theirs. `manual`: only what a person wrote is shown.",
    )


class RecomputeSerializer(serializers.ModelSerializer):
    state = serializers.CharField(help_text="queued, running, done, failed, cancelled")

    class Meta:
        model = RecomputeRun
        fields = ["id", "state", "done", "total", "changed", "error", "created_at", "finished_at"]
        read_only_fields = fields


class SurvivorshipSerializer(serializers.Serializer):
    rules = serializers.DictField(child=serializers.CharField())
    recomputation = RecomputeSerializer(allow_null=True, help_text="The latest one.")


class ChangeSerializer(serializers.Serializer):
    contact = serializers.IntegerField(source="contact.pk")
    field = serializers.CharField()
    before = serializers.JSONField()
    after = serializers.JSONField()


class RulesPreviewSerializer(serializers.Serializer):
    looked_at = serializers.IntegerField(help_text="The latest active contacts.")
    changed = serializers.IntegerField(help_text="How many of them would look different.")
    is_cut = serializers.BooleanField(help_text="There are more contacts than were looked at.")
    examples = ChangeSerializer(many=True)


def _standing() -> dict[str, Any]:
    return SurvivorshipSerializer({"rules": rules_now(), "recomputation": latest_recomputation()}).data


def _wanted(request: Request) -> dict[str, str]:
    wanted = RulesSerializer(data=request.data)
    wanted.is_valid(raise_exception=True)
    return wanted.validated_data["rules"]


class SurvivorshipView(ApiView):
    ability = Ability.MANAGE_ACCOUNT

    @extend_schema(summary="Which source wins, field by field", responses=SurvivorshipSerializer)
    def get(self, request: Request) -> Response:
        return Response(_standing())

    @extend_schema(summary="Change which source wins", request=RulesSerializer, responses={202: SurvivorshipSerializer})
    def patch(self, request: Request) -> Response:
        """What arrives follows the new rules at once; all contacts are computed anew in the background."""
        change_rules(rules=_wanted(request), by=self.actor)
        return Response(_standing(), status=202)


class SurvivorshipPreviewView(ApiView):
    ability = Ability.MANAGE_ACCOUNT

    @extend_schema(summary="What other rules would change", request=RulesSerializer, responses=RulesPreviewSerializer)
    def post(self, request: Request) -> Response:
        """Nothing is changed."""
        return Response(RulesPreviewSerializer(preview_rules(_wanted(request))).data)
