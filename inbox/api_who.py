"""``/api/v1/conversations/{id}/who/``: say who is writing from a shared address."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializing import StrictSerializer
from contacts.models import Profile
from inbox.api import ConversationDetailSerializer, OneConversation
from inbox.saying_who import say_somebody_new, say_who


class WhoSerializer(StrictSerializer):
    """Who is writing from a shared address: one of those who are known there, or somebody new."""

    profile = serializers.IntegerField(required=False, help_text="The profile of the person, as `who` of the conversation lists it.")
    somebody_new = serializers.BooleanField(required=False, default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("profile" in attrs) == attrs["somebody_new"]:
            raise serializers.ValidationError({"profile": [_("Name the profile, or say that it is somebody new.")]})
        return attrs


class WhoView(OneConversation):
    serializer_class = ConversationDetailSerializer

    @extend_schema(summary="Say who is writing from a shared address", request=WhoSerializer, responses=ConversationDetailSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """What the person wrote in this conversation is theirs from then on; somebody new becomes a contact of their own."""
        conversation = self.conversation(pk)
        wanted = WhoSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        if wanted.validated_data["somebody_new"]:
            say_somebody_new(conversation=conversation, by=self.actor)
        else:
            profile = Profile.scoped().filter(pk=wanted.validated_data["profile"]).first()
            if profile is None:
                raise serializers.ValidationError({"profile": [_("There is no such profile.")]})
            say_who(conversation=conversation, profile=profile, by=self.actor)
        return Response(self.get_serializer(self.conversation(pk)).data)
