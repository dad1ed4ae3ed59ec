"""``/api/v1/contacts/``: people, with the provenance of every value; merging and separating them."""

from typing import Any

from django.db.models import Prefetch
from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.api.errors import Conflict
from accounts.api.serializing import StrictSerializer
from accounts.api.views import ApiListView, ApiView
from accounts.roles import Ability
from contacts.marking import marks_of, shared_key
from contacts.merging import Refused, merge, unmerge
from contacts.models import Contact, Identifier, MergeEvent, Profile
from contacts.quality.rules import Problem
from contacts.quality.scoring import assess_contacts
from contacts.quality.words import advice_on
from contacts.queries import contacts_found, having, holders_of, visible_contacts
from contacts.showing import contact_or_404

LARGEST_ID = 2**63 - 1


def id_field(**options: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=LARGEST_ID, **options)


class IdentifierSerializer(serializers.ModelSerializer):
    # Two lists of kinds would need two names in the description.
    kind = serializers.CharField(help_text="email, phone, whatsapp, whatsapp_user, instagram, visitor, customer_number, national_id …")
    mark = serializers.SerializerMethodField(help_text="`shared` by several persons, `blocked` because it identifies nobody, or empty.")
    profile = serializers.IntegerField(source="profile_id", help_text="The profile that gave it.")

    class Meta:
        model = Identifier
        fields = ["id", "kind", "value", "raw", "certainty", "scope", "mark", "profile", "valid_from", "valid_to", "last_seen_at"]
        read_only_fields = fields

    def get_mark(self, identifier: Identifier) -> str:
        return self.context["marks"].get(shared_key(identifier), "")


class ChannelNameSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    kind = serializers.CharField()
    name = serializers.CharField()


class ProfileSerializer(serializers.ModelSerializer):
    channel = ChannelNameSerializer(allow_null=True)
    home = serializers.IntegerField(source="home_id", allow_null=True, help_text="The contact it was born with; null: it joined one.")
    former = serializers.IntegerField(source="former_id", allow_null=True, help_text="The earlier profile of the same address.")
    corrects = serializers.IntegerField(source="corrects_id", allow_null=True, help_text="The profile that this correction overrides.")

    class Meta:
        model = Profile
        fields = [
            "id",
            "source",
            "channel",
            "address",
            "episode",
            "is_current",
            "given",
            "home",
            "former",
            "corrects",
            "erased_at",
            "first_seen_at",
            "last_seen_at",
        ]
        read_only_fields = fields


class OtherValueSerializer(serializers.Serializer):
    value = serializers.JSONField()
    profile = serializers.IntegerField()


class FieldSerializer(serializers.Serializer):
    """A value and where it comes from."""

    value = serializers.JSONField()
    profile = serializers.IntegerField()
    source = serializers.CharField()  # type: ignore[assignment]
    at = serializers.DateTimeField()
    rule = serializers.CharField(help_text="first, latest, longest, source_order, verified_first, manual")
    others = OtherValueSerializer(many=True)


@extend_schema_field(serializers.DictField(child=FieldSerializer()))
class FieldsField(serializers.JSONField):
    """Field → value with provenance."""


class FindingSerializer(serializers.Serializer):
    """One thing to fix."""

    problem = serializers.CharField(help_text=", ".join(Problem))
    cost = serializers.IntegerField(help_text="Points that it takes off a hundred.")
    what = serializers.CharField(help_text="In words, in the language of Accept-Language.")
    action = serializers.CharField(help_text="What to do about it.")
    values = serializers.ListField(child=serializers.CharField())
    identifiers = serializers.ListField(child=serializers.IntegerField(), help_text="The identifiers it is about.")
    fields_ = serializers.ListField(child=serializers.CharField(), help_text="The fields it is about.")
    suggestion = serializers.IntegerField(allow_null=True, help_text="The merge suggestion that settles it.")

    def get_fields(self) -> dict[str, serializers.Field]:
        fields = super().get_fields()
        return {"fields" if name == "fields_" else name: field for name, field in fields.items()}


class QualitySerializer(serializers.Serializer):
    """How good the data is, worked out when it is asked for."""

    score = serializers.IntegerField(help_text="0 to 100.")
    to_fix = FindingSerializer(many=True)


def quality_of(contacts: list[Contact]) -> dict[int, dict[str, Any]]:
    """Contact id → what ``QualitySerializer`` describes. Visitors who left nothing have no score."""
    return {
        pk: {
            "score": assessed.score,
            "to_fix": [
                {
                    "problem": finding.problem.value,
                    "cost": finding.cost,
                    "what": advice.what,
                    "action": advice.action,
                    "values": list(finding.texts),
                    "identifiers": list(finding.identifiers),
                    "fields": list(finding.fields),
                    "suggestion": finding.suggestion,
                }
                for finding, advice in ((finding, advice_on(finding)) for finding in assessed.findings)
            ],
        }
        for pk, assessed in assess_contacts(contact for contact in contacts if not contact.is_anonymous).items()
    }


class ContactSerializer(serializers.ModelSerializer):
    """The person: computed fields, and everything they are computed from."""

    fields_ = FieldsField(read_only=True)
    identifiers = serializers.SerializerMethodField()
    profiles = ProfileSerializer(many=True, read_only=True)
    aliases = serializers.SerializerMethodField(help_text="Ids of other contacts that lead here since a merge.")
    quality = serializers.SerializerMethodField(help_text="Null for a visitor who left no contact datum.")

    class Meta:
        model = Contact
        fields = ["id", "name", "is_anonymous", "born_at", "last_seen_at", "quality", "fields_", "identifiers", "profiles", "aliases"]
        read_only_fields = fields

    @extend_schema_field(QualitySerializer(allow_null=True))
    def get_quality(self, contact: Contact) -> dict[str, Any] | None:
        return self.context["quality"].get(contact.pk)

    @extend_schema_field(IdentifierSerializer(many=True))
    def get_identifiers(self, contact: Contact) -> list[dict[str, Any]]:
        rows = sorted((row for profile in contact.profiles.all() for row in profile.identifiers.all()), key=lambda row: row.pk)
        return IdentifierSerializer(rows, many=True, context=self.context).data  # type: ignore[return-value]

    def get_aliases(self, contact: Contact) -> list[int]:
        return sorted(p.home_id for p in contact.profiles.all() if p.home_id and p.home_id != contact.pk)

    def get_fields(self) -> dict[str, serializers.Field]:
        # "fields" is what REST framework calls its own, so the declared one is renamed.
        fields = super().get_fields()
        return {"fields" if name == "fields_" else name: field for name, field in fields.items()}


class MergeSerializer(StrictSerializer):
    winner = id_field(help_text="A contact; the oldest of all survives.")
    losers = serializers.ListField(child=id_field(), min_length=1, max_length=100)
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class UnmergeSerializer(StrictSerializer):
    profiles = serializers.ListField(
        child=id_field(), min_length=1, max_length=1000, help_text="Ids of the profiles to separate from the others."
    )
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class MoveSerializer(serializers.Serializer):
    profile = serializers.IntegerField()
    from_contact = serializers.IntegerField()
    to_contact = serializers.IntegerField()


class MergeAnswerSerializer(serializers.Serializer):
    """What was done: ``contact`` is the one that stands now."""

    event = serializers.IntegerField()
    kind = serializers.CharField(help_text="merge, unmerge")
    contact = ContactSerializer()
    moved = MoveSerializer(many=True)


class ListQuery(StrictSerializer):
    identifier = serializers.CharField(max_length=320, required=False)
    search = serializers.CharField(max_length=200, required=False)
    problem = serializers.ChoiceField(choices=["any", *Problem], required=False)
    cursor = serializers.CharField(required=False)
    limit = serializers.CharField(required=False)


class ContactsMixin:
    """Contacts with what they show, in a constant number of queries."""

    def shown(self, contacts: Any) -> Any:
        profiles = Profile.scoped().select_related("channel").order_by("first_seen_at", "pk")
        profiles = profiles.prefetch_related(Prefetch("identifiers", queryset=Identifier.scoped().order_by("pk")))
        return contacts.prefetch_related(Prefetch("profiles", queryset=profiles))

    def detail(self, contact_id: int) -> dict[str, Any]:
        return self.details(list(self.shown(Contact.scoped().filter(pk=contact_id))))[0]

    def details(self, contacts: list[Contact]) -> list[dict[str, Any]]:
        keys = {shared_key(row) for contact in contacts for profile in contact.profiles.all() for row in profile.identifiers.all()}
        return ContactSerializer(contacts, many=True, context={"marks": marks_of(keys), "quality": quality_of(contacts)}).data  # type: ignore[return-value]

    def merge_answer(self, event: MergeEvent, contact_id: int) -> Response:
        moved = [
            {"profile": move.profile_id, "from_contact": move.from_contact_id, "to_contact": move.to_contact_id}
            for move in event.moves.order_by("pk")
        ]
        return Response({"event": event.pk, "kind": event.kind, "contact": self.detail(contact_id), "moved": moved})


class ContactListView(ContactsMixin, ApiListView):
    ability = Ability.WORK_CONVERSATIONS
    serializer_class = ContactSerializer
    queryset = Contact.objects.none()
    newest_by = "last_seen_at"

    @extend_schema(
        summary="Contacts, the latest active first",
        operation_id="contacts_list",
        responses=ContactSerializer(many=True),
        parameters=[
            OpenApiParameter("identifier", str, description="Whoever has it: of any kind, in any spelling. Visitors too."),
            OpenApiParameter("search", str, description="Words of names and identifiers."),
            OpenApiParameter(
                "problem",
                str,
                enum=["any", *Problem],
                description="Whose data has this to fix, or anything. Follows a change within about a minute.",
            ),
        ],
    )
    def get(self, request: Request) -> Response:
        query = ListQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        found = visible_contacts()
        if "identifier" in query.validated_data:
            found = holders_of(query.validated_data["identifier"])
        if query.validated_data.get("search"):
            found = contacts_found(query.validated_data["search"]) & found
        found = having(query.validated_data.get("problem", ""), found)
        page = self.paginate_queryset(self.shown(found))
        return self.get_paginated_response(self.details(page))  # type: ignore[arg-type]


class ContactView(ContactsMixin, ApiView):
    ability = Ability.WORK_CONVERSATIONS

    @extend_schema(
        summary="One contact",
        responses={
            200: ContactSerializer,
            307: OpenApiResponse(description="It was merged: `Location` is the contact it is now."),
            410: OpenApiResponse(description="It was erased."),
        },
    )
    def get(self, request: Request, pk: int) -> Response:
        contact = contact_or_404(pk)
        if contact.pk != pk:
            location = reverse("api:contact", args=[contact.pk], request=request)
            return Response({"id": contact.pk}, status=307, headers={"Location": location})
        return Response(self.detail(contact.pk))


class MergeView(ContactsMixin, ApiView):
    ability = Ability.MERGE_CONTACTS

    @extend_schema(
        summary="Merge contacts",
        request=MergeSerializer,
        responses={200: MergeAnswerSerializer, 409: OpenApiResponse(description="They are one contact already.")},
    )
    def post(self, request: Request) -> Response:
        """The oldest contact survives, whichever is named as the winner. A contact that was merged before stands for the one it
        is now. Lifts “never merge” between them, and says so in the event."""
        wanted = MergeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = wanted.validated_data
        wanted_ids = {values["winner"], *values["losers"]}
        contacts = list(Contact.scoped().filter(pk__in=wanted_ids))
        if len(contacts) < len(wanted_ids):
            raise Http404
        try:
            event = merge(contacts=contacts, by=self.actor, reason=values["reason"])
        except Refused as refused:
            raise Conflict(refused.messages[0], code=refused.code or "refused") from refused
        return self.merge_answer(event, event.contact_id)


class UnmergeView(ContactsMixin, ApiView):
    ability = Ability.MERGE_CONTACTS

    @extend_schema(
        summary="Separate profiles from a contact",
        request=UnmergeSerializer,
        responses={200: MergeAnswerSerializer, 409: OpenApiResponse(description="They are not in this contact, or nobody would be left.")},
    )
    def post(self, request: Request, pk: int) -> Response:
        """The two sides are marked as never to be merged by themselves. The answer's `contact` is the one that holds the separated
        profiles; `moved` says who went where. A contact that was merged before stands for the one it is now."""
        wanted = UnmergeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        contact = contact_or_404(pk)
        profiles = list(Profile.scoped().filter(pk__in=wanted.validated_data["profiles"]))
        if len(profiles) != len(set(wanted.validated_data["profiles"])):
            raise Conflict(_("Choose profiles of this contact."), code="not_here")
        try:
            event = unmerge(contact=contact, profiles=profiles, by=self.actor, reason=wanted.validated_data["reason"])
        except Refused as refused:
            raise Conflict(refused.messages[0], code=refused.code or "refused") from refused
        return self.merge_answer(event, Profile.scoped().get(pk=profiles[0].pk).contact_id)
