"""``/api/v1/rights-requests/``: what people ask for by right, taken in elsewhere; and how far the answer is."""

from typing import Any

from django.core.exceptions import ValidationError
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializing import StrictSerializer
from accounts.api.views import ApiListView
from accounts.roles import Ability
from accounts.tenancy import TenantQuerySet
from consent.answering_requests import archive_of
from consent.models import RightsRequest
from consent.taking_requests import LONGEST_VALUE, take_request
from contacts.api import id_field
from contacts.models import Profile
from contacts.showing import contact_or_404


class RightsRequestSerializer(serializers.ModelSerializer):
    """One request. It holds no personal data: what is asked and what was done, by whom and by when."""

    contact = serializers.SerializerMethodField(help_text="The contact that it is about now; null once the person is erased.")
    profiles = serializers.SerializerMethodField(help_text="The profiles that it covers.")
    has_archive = serializers.SerializerMethodField(help_text="There is an archive to fetch in the settings, for a week.")
    reason = serializers.SerializerMethodField(help_text="What was done or why not, where it was closed by hand.")

    class Meta:
        model = RightsRequest
        fields = [
            "id",
            "kind",
            "status",
            "contact",
            "profiles",
            "country",
            "source",
            "received_at",
            "due_at",
            "closed_at",
            "reason",
            "has_archive",
        ]
        read_only_fields = fields

    def get_contact(self, request: RightsRequest) -> int | None:
        contacts: dict[int, int] = self.context["contacts"]
        return contacts.get(request.profile_id or 0)

    def get_profiles(self, request: RightsRequest) -> list[int]:
        return [int(pk) for pk in request.detail.get("profiles", [])]

    def get_has_archive(self, request: RightsRequest) -> bool:
        return bool(archive_of(request))

    def get_reason(self, request: RightsRequest) -> str:
        return str(request.outcome.get("reason", ""))


class NewRightsRequestSerializer(StrictSerializer):
    contact = id_field()
    kind = serializers.ChoiceField(choices=RightsRequest.Kind.choices)
    received_at = serializers.DateTimeField(required=False, help_text="When the person asked: the time to answer runs from then.")
    is_verified = serializers.BooleanField(
        required=False, default=False, help_text="You made sure that it is the person; otherwise the team is asked to."
    )
    fields_to_correct = serializers.DictField(
        child=serializers.CharField(max_length=LONGEST_VALUE, allow_blank=True),
        required=False,
        default=dict,
        help_text="Of a rectification: field → what it should say.",
    )


class RightsRequestsView(ApiListView):
    abilities = {"GET": Ability.MANAGE_CONSENT, "POST": Ability.RECORD_CONSENT}
    serializer_class = RightsRequestSerializer
    newest_by = "received_at"

    def get_queryset(self) -> TenantQuerySet[RightsRequest]:
        return RightsRequest.scoped()

    @extend_schema(
        summary="What people asked for by right",
        operation_id="rights_requests_list",
        parameters=[OpenApiParameter("status", str, enum=RightsRequest.Status.values), OpenApiParameter("contact", int)],
        responses=RightsRequestSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Newest first; `status` and `contact` narrow it down."""
        asked = RightsRequestQuerySerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = self.get_queryset()
        if status := asked.validated_data["status"]:
            found = found.filter(status=status)
        if (pk := asked.validated_data["contact"]) is not None:
            found = found.filter(profile__in=Profile.scoped().filter(contact=contact_or_404(pk)).values("pk"))
        page = self.paginate_queryset(found) or []
        return self.get_paginated_response(_shown(page))

    @extend_schema(
        summary="Take in a request that somebody made elsewhere",
        operation_id="rights_requests_create",
        request=NewRightsRequestSerializer,
        responses={
            200: OpenApiResponse(RightsRequestSerializer, description="One of this kind is open already: this is it."),
            201: RightsRequestSerializer,
            410: OpenApiResponse(description="The contact was erased."),
        },
    )
    def post(self, request: Request) -> Response:
        """It goes into the team's queue with the day by which the person's country wants an answer. Nothing is exported or erased before
        somebody of the team says so."""
        wanted = NewRightsRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        try:
            taken, is_new = take_request(
                contact=contact_or_404(values["contact"]),
                kind=RightsRequest.Kind(values["kind"]),
                received_at=values.get("received_at"),
                is_verified=values["is_verified"],
                fields=values["fields_to_correct"],
                by=self.actor,
            )
        except ValidationError as error:
            raise serializers.ValidationError(_named(error)) from error
        return Response(_shown([taken])[0], status=201 if is_new else 200)


class RightsRequestQuerySerializer(serializers.Serializer):
    status = serializers.ChoiceField(choices=RightsRequest.Status.choices, required=False, default="")
    contact = id_field(required=False, default=None)


class RightsRequestView(ApiListView):
    ability = Ability.MANAGE_CONSENT
    serializer_class = RightsRequestSerializer

    def get_queryset(self) -> TenantQuerySet[RightsRequest]:
        return RightsRequest.scoped()

    @extend_schema(summary="One request by right", operation_id="rights_requests_read")
    def get(self, request: Request, pk: int) -> Response:
        return Response(_shown([self.get_object()])[0])


def _shown(rows: list[RightsRequest]) -> list[dict[str, Any]]:
    """Two queries at most, however many rows."""
    asked_by = {row.profile_id for row in rows if row.profile_id}
    contacts = dict(Profile.scoped().filter(pk__in=asked_by, erased_at=None).values_list("pk", "contact_id"))
    return list(RightsRequestSerializer(rows, many=True, context={"contacts": contacts}).data)


def _named(error: ValidationError) -> dict[str, list[str]]:
    found = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    return {"fields_to_correct" if name == "fields" else name: list(texts) for name, texts in found.items()}
