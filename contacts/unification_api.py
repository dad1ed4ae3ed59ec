"""``/api/v1/account/unification/``: where the account stands, what would change, and the switch."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializing import StrictSerializer
from accounts.api.views import ApiView
from accounts.models import Account
from accounts.roles import Ability
from contacts.models import UnificationRun
from contacts.unification.switching import SWITCHES, Mode, ask_for_preview, latest_run, mode_of, switch


class RunSerializer(serializers.ModelSerializer):
    kind = serializers.CharField(help_text="preview, on, off")
    state = serializers.CharField(help_text="queued, running, done, failed, cancelled")
    figures = serializers.DictField(help_text="Counts, shared values, conflicts and examples (preview); what was done (on, off).")

    class Meta:
        model = UnificationRun
        fields = ["id", "kind", "state", "gives_back", "done", "total", "figures", "error", "created_at", "finished_at"]
        read_only_fields = fields


class StandingSerializer(serializers.Serializer):
    """Where the account stands; while it is being switched, what arrives follows the new rule already."""

    mode = serializers.ChoiceField(choices=[mode.value for mode in Mode])
    preview = RunSerializer(allow_null=True, help_text="The latest one.")
    switch = RunSerializer(allow_null=True, help_text="The latest one.")


class SwitchSerializer(StrictSerializer):
    enabled = serializers.BooleanField()
    gives_back = serializers.BooleanField(
        default=True, help_text="On switching off: part what the rule had joined; otherwise contacts stay as they are."
    )


class StandingMixin:
    def standing(self) -> dict[str, Any]:
        account = Account.objects.get(pk=self.account.pk)  # type: ignore[attr-defined]
        found = {"mode": mode_of(account), "preview": latest_run(UnificationRun.Kind.PREVIEW), "switch": latest_run(*SWITCHES)}
        return StandingSerializer(found).data


class UnificationView(StandingMixin, ApiView):
    ability = Ability.MANAGE_ACCOUNT

    @extend_schema(summary="Where unification stands", responses=StandingSerializer)
    def get(self, request: Request) -> Response:
        return Response(self.standing())


class UnificationPreviewView(StandingMixin, ApiView):
    ability = Ability.MANAGE_ACCOUNT

    @extend_schema(summary="Work out what unification would change", request=None, responses={202: StandingSerializer})
    def post(self, request: Request) -> Response:
        """Counts in the background and changes nothing; `GET account/unification/` has the figures once it is done."""
        ask_for_preview(account=self.account, by=self.actor)
        return Response(self.standing(), status=202)


class UnificationSwitchView(StandingMixin, ApiView):
    ability = Ability.MANAGE_ACCOUNT

    @extend_schema(summary="Switch unification", request=SwitchSerializer, responses={202: StandingSerializer})
    def post(self, request: Request) -> Response:
        """What arrives is decided by the new rule at once; the contacts there are follow in the background. Switching back while
        that goes on is fine: the last word counts."""
        wanted = SwitchSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        account = Account.objects.get(pk=self.account.pk)
        values = wanted.validated_data
        switch(account=account, enabled=values["enabled"], by=self.actor, gives_back=values["gives_back"])
        return Response(self.standing(), status=202)
