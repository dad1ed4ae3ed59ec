"""``POST /api/v1/contacts/<id>/split/``: a conversation goes to a new person."""

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import Conflict
from accounts.api.serializing import StrictSerializer
from accounts.api.views import ApiView
from accounts.roles import Ability
from contacts.api import ContactsMixin, MergeAnswerSerializer, id_field
from contacts.merging import Refused
from contacts.showing import contact_or_404
from inbox.models import Conversation
from inbox.splitting import contact_of, split_conversation


class SplitSerializer(StrictSerializer):
    conversation = id_field(help_text="A conversation of this contact.")
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class SplitView(ContactsMixin, ApiView):
    ability = Ability.MERGE_CONTACTS

    @extend_schema(
        summary="Split a conversation off to a new person",
        request=SplitSerializer,
        responses={200: MergeAnswerSerializer, 409: OpenApiResponse(description="It is not this contact's, or all that is known of it.")},
    )
    def post(self, request: Request, pk: int) -> Response:
        """The conversation goes to a contact of its own, whom the answer's `contact` is; the two are never joined by themselves."""
        wanted = SplitSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        contact = contact_or_404(pk)
        conversation = Conversation.scoped().filter(pk=wanted.validated_data["conversation"], profile__contact=contact).first()
        if conversation is None:
            raise Conflict(_("The conversation is not this contact's."), code="not_here")
        try:
            event = split_conversation(conversation=conversation, by=self.actor, reason=wanted.validated_data["reason"])
        except Refused as refused:
            raise Conflict(refused.messages[0], code=refused.code or "refused") from refused
        return self.merge_answer(event, contact_of(conversation).pk)
