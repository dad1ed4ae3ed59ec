"""``/api/v1/conversations/`` and ``/api/v1/contacts/{id}/timeline/``: what was said, and saying something."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.api.errors import Conflict
from accounts.api.serializing import StrictSerializer
from accounts.api.views import ApiListView
from accounts.models import Channel, ChannelKind, Membership
from accounts.roles import Ability
from contacts.models import Contact, Identifier
from contacts.normalising import normal
from contacts.showing import contact_or_404
from inbox import conversations as changing
from inbox.models import Attachment, Conversation, ConversationStatus, Direction, Message
from inbox.queries import find_conversation, messages_of, said_with
from inbox.saying_who import who_may_write
from inbox.sending import SendingRefused, addresses_for, send_message
from inbox.thread_events import event_text


class ContactBriefSerializer(serializers.ModelSerializer):
    name = serializers.CharField(source="__str__", read_only=True)

    class Meta:
        model = Contact
        fields = ["id", "name"]


class ChannelBriefSerializer(serializers.ModelSerializer):
    class Meta:
        model = Channel
        fields = ["id", "kind", "name"]


class MemberBriefSerializer(serializers.ModelSerializer):
    name = serializers.CharField(source="__str__", read_only=True)

    class Meta:
        model = Membership
        fields = ["id", "name"]


class IdentifierBriefSerializer(serializers.ModelSerializer):
    class Meta:
        model = Identifier
        fields = ["id", "kind", "value"]


class AttachmentSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:attachment", help_text="Where its bytes are, once it is stored.")

    class Meta:
        model = Attachment
        fields = ["id", "name", "content_type", "size", "state", "url"]


class MessageSerializer(serializers.ModelSerializer):
    """A message, an internal note or an event of the thread, as ``direction`` says."""

    conversation = serializers.IntegerField(source="strand.conversation_id", read_only=True)
    body = serializers.SerializerMethodField(help_text="Plain text; for an event, a sentence in the language of Accept-Language.")
    channel = ChannelBriefSerializer(read_only=True, allow_null=True)
    identifier = IdentifierBriefSerializer(read_only=True, allow_null=True, help_text="The address it came from or goes to.")
    author = MemberBriefSerializer(read_only=True, allow_null=True)
    problem = serializers.DictField(read_only=True, help_text="Why it failed: code, text, permanent. Empty when it did not.")
    attachments = AttachmentSerializer(many=True, read_only=True)

    class Meta:
        model = Message
        fields = [
            "id",
            "conversation",
            "direction",
            "kind",
            "body",
            "channel",
            "identifier",
            "status",
            "problem",
            "author",
            "author_kind",
            "reply_to",
            "provider_id",
            "attachments",
            "occurred_at",
            "created_at",
        ]
        read_only_fields = fields

    def get_body(self, message: Message) -> str:
        return event_text(message) if message.direction == Direction.EVENT else message.body


class AddressSerializer(serializers.Serializer):
    """Where the person can be written to, and what is allowed there now."""

    channel = ChannelBriefSerializer()
    identifier = IdentifierBriefSerializer()
    verdict = serializers.CharField(source="decision.verdict", help_text="allow, convert (a template may go), deny")
    reason = serializers.CharField(source="decision.reason")
    until = serializers.DateTimeField(source="decision.until", allow_null=True, help_text="When the window that allows it closes.")
    recommended = serializers.BooleanField()


class ConversationSerializer(serializers.ModelSerializer):
    contact = ContactBriefSerializer(source="profile.contact", read_only=True)
    channel = ChannelBriefSerializer(read_only=True, help_text="Of the last message either way.")
    assignee = MemberBriefSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Conversation
        fields = [
            "id",
            "status",
            "subject",
            "contact",
            "channel",
            "assignee",
            "asks_who",
            "preview",
            "preview_is_ours",
            "message_count",
            "last_message_at",
            "last_inbound_at",
            "waiting_since",
            "resolved_at",
            "created_at",
        ]
        read_only_fields = fields


class ChoiceSerializer(serializers.Serializer):
    """Somebody who uses the shared address that the conversation came from."""

    profile = serializers.IntegerField(source="pk", help_text="The id that the answer names.")
    contact = ContactBriefSerializer()


class ConversationDetailSerializer(ConversationSerializer):
    addresses = serializers.SerializerMethodField()
    who = serializers.SerializerMethodField(help_text="Where `asks_who`: the people who use the address.")

    class Meta(ConversationSerializer.Meta):
        fields = [*ConversationSerializer.Meta.fields, "addresses", "who"]
        read_only_fields = fields

    @extend_schema_field(ChoiceSerializer(many=True))
    def get_who(self, conversation: Conversation) -> Any:
        return ChoiceSerializer(who_may_write(conversation), many=True).data

    @extend_schema_field(AddressSerializer(many=True))
    def get_addresses(self, conversation: Conversation) -> Any:
        return AddressSerializer(addresses_for(conversation), many=True).data


class ConversationFilter(StrictSerializer):
    """The query parameters of the list."""

    status = serializers.ChoiceField(choices=ConversationStatus.choices, required=False)
    assignee = serializers.RegexField(r"^(me|none|\d{1,18})$", required=False)
    channel = serializers.RegexField(rf"^({'|'.join(ChannelKind.values)}|\d{{1,18}})$", required=False)
    contact = serializers.IntegerField(min_value=1, required=False)
    cursor = serializers.CharField(required=False)
    limit = serializers.CharField(required=False)

    def narrow(self, rows: QuerySet[Conversation], *, membership: Membership) -> QuerySet[Conversation]:
        wanted = self.validated_data
        if "status" in wanted:
            rows = rows.filter(status=wanted["status"])
        if assignee := wanted.get("assignee"):
            rows = rows.filter(assignee={"me": membership.pk, "none": None}.get(assignee, assignee))
        if channel := wanted.get("channel"):
            rows = rows.filter(channel=channel) if channel.isdecimal() else rows.filter(channel__kind=channel)
        if "contact" in wanted:
            rows = rows.filter(profile__contact=wanted["contact"])
        return rows


class ConversationChangeSerializer(StrictSerializer):
    status = serializers.ChoiceField(choices=ConversationStatus.choices, required=False)
    assignee = serializers.IntegerField(required=False, allow_null=True, help_text="A member's id; null puts it back.")


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}]})
class AddressField(serializers.Field):
    """An identifier's id, or the address itself (email, phone …) as text."""

    def to_internal_value(self, data: Any) -> int | str:
        if isinstance(data, bool) or not isinstance(data, (int, str)) or (isinstance(data, str) and ("\x00" in data or not data.strip())):
            raise serializers.ValidationError(_("Give the id of an identifier, or the address as text."))
        return data


class TemplateSerializer(StrictSerializer):
    name = serializers.CharField(max_length=512)
    language = serializers.CharField(max_length=15)
    parameters = serializers.JSONField(required=False)


class NewMessageSerializer(StrictSerializer):
    channel = serializers.IntegerField(help_text="The id of the channel that sends it.")
    identifier = AddressField(help_text="Where it goes: an identifier's id, or the address itself. It must be the conversation's person's.")
    body = serializers.CharField(required=False, allow_blank=True, default="", max_length=65_536, trim_whitespace=False)
    template = TemplateSerializer(required=False)
    reply_to = serializers.IntegerField(required=False, allow_null=True, help_text="The id of the message that it answers.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs["body"].strip() and "template" not in attrs:
            raise serializers.ValidationError({"body": [_("Write something first.")]})
        return attrs


class NewNoteSerializer(StrictSerializer):
    body = serializers.CharField(max_length=65_536, trim_whitespace=False)


class ConversationListView(ApiListView):
    ability = Ability.WORK_CONVERSATIONS
    serializer_class = ConversationSerializer
    queryset = Conversation.objects.none()
    newest_by = "last_message_at"

    @extend_schema(
        summary="Conversations, the latest message first",
        operation_id="conversations_list",
        responses=ConversationSerializer(many=True),
        parameters=[
            OpenApiParameter("status", OpenApiTypes.STR, enum=ConversationStatus.values),
            OpenApiParameter("assignee", OpenApiTypes.STR, description="A member's id, `me` or `none`."),
            OpenApiParameter("channel", OpenApiTypes.STR, description="A channel's id or a kind of channel."),
            OpenApiParameter("contact", OpenApiTypes.INT, description="A contact's id."),
        ],
    )
    def get(self, request: Request) -> Response:
        wanted = ConversationFilter(data=request.query_params.dict())
        wanted.is_valid(raise_exception=True)
        rows = wanted.narrow(Conversation.scoped(), membership=self.membership)
        return self.answer_page(rows.select_related("profile__contact", "channel", "assignee__user"))


class OneConversation(ApiListView):
    """What the views of one conversation share."""

    ability = Ability.WORK_CONVERSATIONS
    queryset = Conversation.objects.none()

    def conversation(self, pk: int) -> Conversation:
        found = find_conversation(pk)
        if found is None:
            raise Http404
        return found


class ConversationView(OneConversation):
    serializer_class = ConversationDetailSerializer

    @extend_schema(summary="One conversation, and where its person can be written to", responses=ConversationDetailSerializer)
    def get(self, request: Request, pk: int) -> Response:
        return Response(self.get_serializer(self.conversation(pk)).data)

    @extend_schema(summary="Assign, resolve or reopen", request=ConversationChangeSerializer, responses=ConversationDetailSerializer)
    def patch(self, request: Request, pk: int) -> Response:
        conversation = self.conversation(pk)
        wanted = ConversationChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = wanted.validated_data
        with transaction.atomic():
            if "assignee" in values:
                self._assign(conversation, values["assignee"])
            if values.get("status") == ConversationStatus.RESOLVED:
                changing.resolve(conversation=conversation, by=self.actor)
            elif values.get("status") == ConversationStatus.OPEN:
                changing.reopen(conversation=conversation, by=self.actor)
        return Response(self.get_serializer(self.conversation(pk)).data)

    def _assign(self, conversation: Conversation, member_id: int | None) -> None:
        if member_id is None:
            changing.unassign(conversation=conversation, by=self.actor)
            return
        member = Membership.scoped().filter(pk=member_id, is_active=True).first()
        if member is None:
            raise serializers.ValidationError({"assignee": [_("There is no such member.")]})
        changing.assign(conversation=conversation, to=member, by=self.actor)


class MessagesView(OneConversation):
    serializer_class = MessageSerializer
    newest_by = "occurred_at"

    @extend_schema(
        summary="Messages, notes and events, newest first",
        operation_id="conversations_messages_list",
        responses=MessageSerializer(many=True),
    )
    def get(self, request: Request, pk: int) -> Response:
        return self.answer_page(messages_of(self.conversation(pk)))

    @extend_schema(
        summary="Send a message",
        operation_id="conversations_messages_create",
        request=NewMessageSerializer,
        responses={201: MessageSerializer},
    )
    def post(self, request: Request, pk: int) -> Response:
        """The answer comes when the message is accepted; its `status` tells how far it got. 409: it may not be sent there now,
        `code` says why and `alternative` what may be: `template` or `other_address`."""
        conversation = self.conversation(pk)
        wanted = NewMessageSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = wanted.validated_data
        channel = Channel.scoped().filter(pk=values["channel"]).first()
        if channel is None:
            raise serializers.ValidationError({"channel": [_("There is no such channel.")]})
        try:
            message = send_message(
                conversation=conversation,
                channel=channel,
                identifier=self._address(conversation, channel, values["identifier"]),
                body=values["body"],
                template=values.get("template"),
                reply_to=self._answered(conversation, values.get("reply_to")),
                by=self.actor,
            )
        except SendingRefused as refused:
            raise Conflict(refused.text, code=refused.reason, alternative=refused.alternative or None) from refused
        return Response(self.get_serializer(messages_of(conversation).get(pk=message.pk)).data, status=201)

    def _address(self, conversation: Conversation, channel: Channel, given: int | str) -> Identifier:
        theirs = Identifier.scoped().filter(profile__contact=conversation.profile.contact_id)
        if isinstance(given, int):
            found = theirs.filter(pk=given).first()
        else:
            # The channel's own spelling of an address first; another of the person's, so that the refusal can say what is wrong.
            reached = [option.identifier for option in addresses_for(conversation) if option.channel.pk == channel.pk]
            found = next((row for row in [*reached, *theirs.order_by("valid_to", "-last_seen_at")] if self._is(row, given)), None)
        if found is None:
            raise serializers.ValidationError({"identifier": [_("This address does not belong to the person of this conversation.")]})
        return found

    def _is(self, identifier: Identifier, address: str) -> bool:
        read = normal(identifier.kind, address, region=self.account.default_region)
        return read is not None and read.key == identifier.key

    def _answered(self, conversation: Conversation, given: int | None) -> Message | None:
        if given is None:
            return None
        found = Message.scoped().filter(pk=given, strand__conversation=conversation).first()
        if found is None:
            raise serializers.ValidationError({"reply_to": [_("There is no such message in this conversation.")]})
        return found


class NotesView(OneConversation):
    serializer_class = MessageSerializer

    @extend_schema(summary="Write an internal note", request=NewNoteSerializer, responses={201: MessageSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Nobody outside ever receives it."""
        conversation = self.conversation(pk)
        wanted = NewNoteSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        note = changing.add_note(conversation=conversation, body=wanted.validated_data["body"], by=self.actor)
        return Response(self.get_serializer(messages_of(conversation).get(pk=note.pk)).data, status=201)


class TimelineView(ApiListView):
    ability = Ability.WORK_CONVERSATIONS
    serializer_class = MessageSerializer
    queryset = Message.objects.none()
    newest_by = "occurred_at"

    @extend_schema(
        summary="Everything said with a person, on every channel, newest first",
        operation_id="contacts_timeline_list",
        responses={
            200: MessageSerializer(many=True),
            307: OpenApiResponse(description="The contact was merged: Location names the one it is in."),
        },
    )
    def get(self, request: Request, pk: int) -> Any:
        contact = contact_or_404(pk)
        if contact.pk != pk:
            home = reverse("api:timeline", args=[contact.pk], request=request)
            query = request.META.get("QUERY_STRING", "")
            return Response(status=307, headers={"Location": f"{home}?{query}" if query else home})
        return self.answer_page(said_with(contact.pk))
