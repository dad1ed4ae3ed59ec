"""``/api/v1/suggestions/``: who may be one person, with the evidence; decide, and take a decision back."""

from datetime import datetime
from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from accounts.api.errors import Conflict
from accounts.api.serializing import StrictSerializer
from accounts.api.views import ApiView
from accounts.roles import Ability
from contacts import deciding
from contacts.evidence_words import conflict_in_words, origin_in_words, reopening_of, sentence_of
from contacts.merging import Refused
from contacts.models import MergeSuggestion, SuggestionDecision
from contacts.suggesting import REOPENED
from contacts.suggestion_queries import find, listing, standing_decision, state_now

State = MergeSuggestion.State
PAGE, LARGEST = 50, 200
NOT_NOW = OpenApiResponse(description="Decided already, or one contact already: `code` says which.")


class SideSerializer(serializers.Serializer):
    """One of the two: the profile that the suggestion is kept on, and the contact it belongs to now."""

    contact = serializers.IntegerField()
    name = serializers.CharField()
    profile = serializers.IntegerField()


class EvidenceSerializer(serializers.Serializer):
    comparison = serializers.CharField()
    level = serializers.CharField()
    bits = serializers.FloatField(help_text="Above zero it speaks for one person, below for two.")
    left = serializers.CharField(allow_null=True)
    right = serializers.CharField(allow_null=True)
    text = serializers.CharField(help_text="In words, in the language of Accept-Language.")


class NamedConflictSerializer(serializers.Serializer):
    name = serializers.CharField()
    text = serializers.CharField()


class SuggestionSerializer(serializers.ModelSerializer):
    """Two profiles that may be one person's."""

    state = serializers.SerializerMethodField(help_text="As it is now: open, deferred, accepted, rejected, obsolete.")
    origin_text = serializers.SerializerMethodField()
    reopened = serializers.SerializerMethodField(help_text="Why it is asked again after a decision; empty otherwise.")
    low = serializers.SerializerMethodField()
    high = serializers.SerializerMethodField()
    evidence = serializers.SerializerMethodField()
    conflicts = serializers.SerializerMethodField()
    model = serializers.SerializerMethodField(help_text="Version of the match model; null where a rule suggested.")
    decided_by = serializers.SerializerMethodField(help_text="Name of who decided; null while nobody has.")

    class Meta:
        model = MergeSuggestion
        fields = [
            "id",
            "state",
            "origin",
            "origin_text",
            "probability",
            "weight",
            "low",
            "high",
            "evidence",
            "conflicts",
            "reopened",
            "group",
            "model",
            "decided_by",
            "decided_at",
            "deferred_until",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields

    def get_state(self, row: MergeSuggestion) -> str:
        return self.context.get("state") or state_now(row)

    def get_origin_text(self, row: MergeSuggestion) -> str:
        return origin_in_words(row.origin)

    def get_reopened(self, row: MergeSuggestion) -> str:
        return reopening_of(row.evidence)

    @extend_schema_field(SideSerializer)
    def get_low(self, row: MergeSuggestion) -> dict[str, Any]:
        return {"contact": row.low.contact_id, "name": row.low.contact.name, "profile": row.low_id}

    @extend_schema_field(SideSerializer)
    def get_high(self, row: MergeSuggestion) -> dict[str, Any]:
        return {"contact": row.high.contact_id, "name": row.high.contact.name, "profile": row.high_id}

    @extend_schema_field(EvidenceSerializer(many=True))
    def get_evidence(self, row: MergeSuggestion) -> list[dict[str, Any]]:
        names = ("comparison", "level", "bits", "left", "right")
        pieces = (piece for piece in row.evidence if piece.get("comparison") != REOPENED)
        return [{name: piece.get(name) for name in names} | {"text": sentence_of(piece)} for piece in pieces]

    @extend_schema_field(NamedConflictSerializer(many=True))
    def get_conflicts(self, row: MergeSuggestion) -> list[dict[str, str]]:
        return [{"name": name, "text": conflict_in_words(name)} for name in row.conflicts]

    def get_model(self, row: MergeSuggestion) -> int | None:
        return row.model.version if row.model else None

    def get_decided_by(self, row: MergeSuggestion) -> str | None:
        return str(row.decided_by.user) if row.decided_by else None


class SuggestionPageSerializer(serializers.Serializer):
    next = serializers.URLField(allow_null=True, help_text="The next page, of less sure ones; null on the last.")
    results = SuggestionSerializer(many=True)


class SuggestionQuery(StrictSerializer):
    state = serializers.ChoiceField(choices=[str(state) for state in State.values], default=State.OPEN)
    contact = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    cursor = serializers.CharField(required=False, default="")
    limit = serializers.IntegerField(min_value=1, max_value=LARGEST, required=False, default=PAGE)


class ReasonSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class DeferSerializer(StrictSerializer):
    until = serializers.DateTimeField(required=False, help_text="Within the next year; in a week unless said otherwise.")


class NothingSerializer(StrictSerializer):
    """No fields."""


class DecisionSerializer(serializers.Serializer):
    """What was done. ``contact``: the one that stands after a merge; ``event``: the merge."""

    decision = serializers.IntegerField(source="pk")
    kind = serializers.CharField(help_text="accepted, rejected, deferred")
    undone = serializers.SerializerMethodField()
    event = serializers.IntegerField(source="event_id", allow_null=True)
    contact = serializers.SerializerMethodField()
    settled = serializers.SerializerMethodField(help_text="Every suggestion between the two sides that it settled.")
    suggestion = SuggestionSerializer()

    def get_undone(self, decision: SuggestionDecision) -> bool:
        return decision.undone_at is not None

    def get_contact(self, decision: SuggestionDecision) -> int | None:
        return decision.event.contact_id if decision.event and decision.undone_at is None else None

    @extend_schema_field(serializers.ListField(child=serializers.IntegerField()))
    def get_settled(self, decision: SuggestionDecision) -> list[int]:
        return [row["id"] for row in decision.settled]


class SuggestionListView(ApiView):
    ability = Ability.MERGE_CONTACTS

    @extend_schema(
        summary="Merge suggestions, the surest first",
        operation_id="suggestions_list",
        responses=SuggestionPageSerializer,
        parameters=[
            OpenApiParameter("state", str, enum=[str(state) for state in State.values], description="As it is now; `open` by default."),
            OpenApiParameter("contact", int, description="Only those about this contact."),
            OpenApiParameter("cursor", str, description="Where the page starts: take it from `next`."),
            OpenApiParameter("limit", int, description=f"Rows per page, 1 to {LARGEST}, {PAGE} by default."),
        ],
    )
    def get(self, request: Request) -> Response:
        """Those that a rule suggested, without a score, come before all others. A suggestion that was put off is open again when
        its moment has come; one whose two sides are one contact by now, or were marked as different people, is `obsolete`."""
        query = SuggestionQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        wanted = query.validated_data
        try:
            page = listing(state=wanted["state"], after=wanted["cursor"], limit=wanted["limit"], contact_id=wanted.get("contact"))
        except ValueError as error:
            raise ValidationError({"cursor": [_("This cursor is not one of ours: take it from “next”.")]}) from error
        address = request.build_absolute_uri()
        following = replace_query_param(address, "cursor", page.after) if page.after else None
        results = SuggestionSerializer(page.rows, many=True, context={"state": wanted["state"]}).data
        return Response({"next": following, "results": results})


class SuggestionView(ApiView):
    ability = Ability.MERGE_CONTACTS

    @extend_schema(summary="One merge suggestion", operation_id="suggestions_retrieve", responses=SuggestionSerializer)
    def get(self, request: Request, pk: int) -> Response:
        return Response(SuggestionSerializer(_existing(pk)).data)


class AcceptView(ApiView):
    ability = Ability.MERGE_CONTACTS

    @extend_schema(summary="One person: merge them", request=ReasonSerializer, responses={200: DecisionSerializer, 409: NOT_NOW})
    def post(self, request: Request, pk: int) -> Response:
        """Merges the two contacts that the profiles belong to now, and settles every suggestion between them."""
        values = _said(ReasonSerializer, request)
        return _answer(lambda row: deciding.accept(suggestion=row, by=self.actor, reason=values["reason"]), pk)


class RejectView(ApiView):
    ability = Ability.MERGE_CONTACTS

    @extend_schema(
        summary="Two people: never suggest it again", request=ReasonSerializer, responses={200: DecisionSerializer, 409: NOT_NOW}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Writes “never merge” between everything of the two sides. Materially new evidence may ask again, and says so."""
        values = _said(ReasonSerializer, request)
        return _answer(lambda row: deciding.reject(suggestion=row, by=self.actor, reason=values["reason"]), pk)


class DeferView(ApiView):
    ability = Ability.MERGE_CONTACTS

    @extend_schema(summary="Ask again later", request=DeferSerializer, responses={200: DecisionSerializer, 409: NOT_NOW})
    def post(self, request: Request, pk: int) -> Response:
        until: datetime | None = _said(DeferSerializer, request).get("until")
        return _answer(lambda row: deciding.defer(suggestion=row, by=self.actor, until=until), pk)


class UndoView(ApiView):
    ability = Ability.MERGE_CONTACTS

    @extend_schema(
        summary="Take the last decision back",
        request=NothingSerializer,
        responses={200: DecisionSerializer, 409: OpenApiResponse(description="There is none to take back, or something happened since.")},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Undoes the latest decision that settled the suggestion. A merge is taken back whatever happened since; “never merge”
        then stands between the two, and the suggestion is open all the same."""
        _said(NothingSerializer, request)

        def take_back(row: MergeSuggestion) -> SuggestionDecision:
            decision = standing_decision(row)
            if decision is None:
                raise Refused(_("There is no decision to take back."), code="undecided")
            return deciding.undo(decision=decision, by=self.actor)

        return _answer(take_back, pk)


def _existing(pk: int) -> MergeSuggestion:
    try:
        return find(pk)
    except MergeSuggestion.DoesNotExist as error:
        raise Http404 from error


def _said(serializer: type[StrictSerializer], request: Request) -> dict[str, Any]:
    said = serializer(data=request.data)
    said.is_valid(raise_exception=True)
    return said.validated_data


def _answer(decide: Any, pk: int) -> Response:
    try:
        decision = decide(_existing(pk))
    except Refused as refused:
        if refused.code == "until":
            raise ValidationError({"until": refused.messages}) from refused
        raise Conflict(refused.messages[0], code=refused.code or "refused") from refused
    decision.suggestion = find(pk)
    return Response(DecisionSerializer(decision).data)
