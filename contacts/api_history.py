"""What happened to a contact as a person: its merges and separations, and what is said about whom it is not."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import Conflict
from accounts.api.serializing import StrictSerializer
from accounts.api.views import ApiView
from accounts.roles import Ability
from contacts.api import MoveSerializer, id_field
from contacts.merging import Refused
from contacts.models import Contact, Identifier, Profile
from contacts.moving_identifiers import move_identifier
from contacts.queries import HistoryLine, merge_history
from contacts.showing import contact_or_404
from contacts.telling_apart import tell_apart


class HistoryLineSerializer(serializers.Serializer):
    """One merge or separation."""

    event = serializers.IntegerField()
    kind = serializers.CharField(help_text="merge, unmerge")
    cause = serializers.CharField(help_text="manual, unified, shared, split, undo, switch …")
    actor_kind = serializers.CharField()
    actor = serializers.CharField()
    reason = serializers.CharField()
    at = serializers.DateTimeField()
    evidence = serializers.JSONField()
    moved = MoveSerializer(many=True)
    is_undone = serializers.BooleanField()
    may_undo = serializers.BooleanField()


class HistorySerializer(serializers.Serializer):
    results = HistoryLineSerializer(many=True)


class HistoryView(ApiView):
    ability = Ability.WORK_CONVERSATIONS

    @extend_schema(summary="Merges and separations of a contact", responses=HistorySerializer)
    def get(self, request: Request, pk: int) -> Response:
        """The latest fifty, the latest first. A contact that was merged stands for the one it is now."""
        profiles = list(Profile.scoped().filter(contact=contact_or_404(pk)))
        return Response({"results": [_line(line) for line in merge_history(profiles, membership=self.membership)]})


def _line(line: HistoryLine) -> dict[str, Any]:
    event = line.event
    return {
        "event": event.pk,
        "kind": event.kind,
        "cause": event.cause,
        "actor_kind": event.actor_kind,
        "actor": event.actor_name,
        "reason": event.reason,
        "at": event.at,
        "evidence": event.evidence,
        "moved": [
            {"profile": move.profile_id, "from_contact": move.from_contact_id, "to_contact": move.to_contact_id}
            for move in event.moves.all()
        ],
        "is_undone": line.is_undone,
        "may_undo": line.may_undo,
    }


class NeverMergeSerializer(StrictSerializer):
    contacts = serializers.ListField(child=id_field(), min_length=2, max_length=20, help_text="Each is another person than each.")
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class NeverMergeAnswerSerializer(serializers.Serializer):
    contacts = serializers.ListField(child=serializers.IntegerField(), help_text="The contacts as they are now.")


class NeverMergeView(ApiView):
    ability = Ability.MERGE_CONTACTS

    @extend_schema(
        summary="Mark contacts as different people",
        request=NeverMergeSerializer,
        responses={200: NeverMergeAnswerSerializer, 409: OpenApiResponse(description="Two of them are one contact.")},
    )
    def post(self, request: Request) -> Response:
        """Nothing joins them by itself from now on; only a person's merge does, and lifts the mark."""
        wanted = NeverMergeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        ids = set(wanted.validated_data["contacts"])
        contacts = list(Contact.scoped().filter(pk__in=ids))
        if len(contacts) < len(ids):
            raise Http404
        try:
            told = tell_apart(contacts=contacts, by=self.actor, reason=wanted.validated_data["reason"])
        except Refused as refused:
            raise Conflict(refused.messages[0], code=refused.code or "refused") from refused
        return Response({"contacts": told})


class MoveIdentifierSerializer(StrictSerializer):
    identifier = id_field(help_text="An identifier of this contact.")
    to = id_field(help_text="The contact that it belongs to.")


class MoveIdentifierAnswerSerializer(serializers.Serializer):
    identifier = serializers.IntegerField()
    contact = serializers.IntegerField(help_text="The contact that it leads to now.")


class MoveIdentifierView(ApiView):
    ability = Ability.MERGE_CONTACTS

    @extend_schema(
        summary="Move an identifier to the contact it belongs to",
        request=MoveIdentifierSerializer,
        responses={
            200: MoveIdentifierAnswerSerializer,
            409: OpenApiResponse(description="Somebody writes from it, or it is there already."),
        },
    )
    def post(self, request: Request, pk: int) -> Response:
        """The value ends with this contact and leads to the other one from now on."""
        wanted = MoveIdentifierSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        contact = contact_or_404(pk)
        identifier = Identifier.scoped().filter(pk=wanted.validated_data["identifier"], profile__contact=contact).first()
        if identifier is None:
            raise Http404
        try:
            moved = move_identifier(identifier=identifier, to=contact_or_404(wanted.validated_data["to"]), by=self.actor)
        except Refused as refused:
            raise Conflict(refused.messages[0], code=refused.code or "refused") from refused
        return Response({"identifier": moved.pk, "contact": moved.profile.contact_id})
