"""``/api/v1/account/deduplication/``: the search for duplicates, its runs, and one run now."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import Conflict
from accounts.api.serializing import StrictSerializer
from accounts.api.views import ApiView
from accounts.models import Account
from accounts.roles import Ability
from contacts.controlling_searches import cancel_search, latest_searches, model_versions, search_under_way, start_search
from contacts.merging import Refused
from contacts.models import DeduplicationRun, MatchModel
from contacts.suggestion_figures import figures


class SearchSerializer(serializers.ModelSerializer):
    """One search; ``done`` of ``total`` is percent."""

    kind = serializers.CharField(help_text="whole, changed")
    state = serializers.CharField(help_text="queued, running, done, failed, cancelled")
    figures = serializers.DictField(help_text="profiles, compared, merged, suggested, obsolete, and the seconds of each step.")
    model = serializers.IntegerField(source="model.version", allow_null=True, default=None, help_text="Version of the match model.")

    class Meta:
        model = DeduplicationRun
        fields = ["id", "kind", "state", "done", "total", "figures", "model", "error", "created_at", "started_at", "finished_at"]
        read_only_fields = fields


class ModelSerializer(serializers.ModelSerializer):
    class Meta:
        model = MatchModel
        fields = ["version", "trained_on", "figures", "created_at"]
        read_only_fields = fields


class DeduplicationSerializer(serializers.Serializer):
    """Where the search stands. Thresholds are probabilities that follow from what the team decided; null: too little was decided."""

    merges = serializers.BooleanField(help_text="Whether it merges by itself what is beyond doubt; `PATCH account/` changes it.")
    under_way = SearchSerializer(allow_null=True)
    runs = SearchSerializer(many=True)
    models = ModelSerializer(many=True)
    proposed_merge_from = serializers.FloatField(allow_null=True)
    proposed_queue_from = serializers.FloatField(allow_null=True)


class StartSerializer(StrictSerializer):
    kind = serializers.ChoiceField(choices=DeduplicationRun.Kind.values, default=DeduplicationRun.Kind.CHANGED)


class DeduplicationView(ApiView):
    abilities = {"GET": Ability.MERGE_CONTACTS, "POST": Ability.MANAGE_ACCOUNT}

    @extend_schema(summary="Where the search for duplicates stands", responses=DeduplicationSerializer)
    def get(self, request: Request) -> Response:
        return Response(self._standing())

    @extend_schema(summary="Search for duplicates now", request=StartSerializer, responses={202: DeduplicationSerializer})
    def post(self, request: Request) -> Response:
        """Works in the background: `GET` shows how far it is. The one that is under way is not doubled."""
        wanted = StartSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        start_search(kind=wanted.validated_data["kind"], by=self.actor)
        return Response(self._standing(), status=202)

    def _standing(self) -> dict[str, Any]:
        found = figures()
        standing = {
            "merges": Account.objects.only("deduplication_merges").get(pk=self.account.pk).deduplication_merges,
            "under_way": search_under_way(),
            "runs": latest_searches(),
            "models": model_versions(),
            "proposed_merge_from": found.automatic,
            "proposed_queue_from": found.queue,
        }
        return DeduplicationSerializer(standing).data


class DeduplicationCancelView(ApiView):
    ability = Ability.MANAGE_ACCOUNT

    @extend_schema(summary="Cancel a search for duplicates", request=None, responses=SearchSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """It stops at its next step; what it suggested until then stays."""
        run = DeduplicationRun.scoped().filter(pk=pk).first()
        if run is None:
            raise Http404
        try:
            cancel_search(run=run, by=self.actor)
        except Refused as refused:
            raise Conflict(refused.messages[0], code=refused.code or "refused") from refused
        run.refresh_from_db()
        return Response(SearchSerializer(run).data)
