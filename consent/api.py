"""``/api/v1/consent/`` and ``/api/v1/contacts/{id}/consent/``: ask the gate, write down what people said, see what holds."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializing import StrictSerializer
from accounts.api.views import ApiView
from accounts.roles import Ability
from consent.explaining import explain
from consent.fingerprints import PointRef, point_of
from consent.gate import BOT, HUMAN, Question, decide_many, keep
from consent.ledger import opt_out_person, record
from consent.models import ConsentEvent, Decision, NoticeVersion, Purpose
from consent.points import ADDRESSES
from consent.queries import KINDS, Line, consent_of, events_of
from consent.suppressing import suppress
from consent.vocabulary import RESTRICTIONS, Action, Basis, Category, Origin, PurposeClass, SuppressionReason
from contacts.api import id_field
from contacts.models import Identifier, Profile
from contacts.showing import contact_or_404

EVENTS = 50
# What another system may write down; the rest is the platforms', the links' and our own to say.
WRITABLE = (Action.GRANT, Action.SOFT_OPT_IN, Action.WITHDRAW, Action.OBJECT, Action.SUPPRESS, Action.RECYCLE)
REPORTED = (SuppressionReason.COMPLAINT, SuppressionReason.WRONG_PERSON, SuppressionReason.HARD_BOUNCE, SuppressionReason.BLOCKED)


class AskSerializer(StrictSerializer):
    identifier = id_field(help_text="The address: an identifier of a contact.")
    channel = serializers.ChoiceField(choices=KINDS, help_text="The kind of channel.")
    purpose = serializers.SlugField(max_length=40)
    category = serializers.ChoiceField(choices=Category.choices, required=False, default="", help_text="What the text says, where known.")
    template = serializers.ChoiceField(
        choices=[str(each) for each in (PurposeClass.UTILITY, PurposeClass.MARKETING, PurposeClass.AUTHENTICATION)],
        required=False,
        default="",
        help_text="The category of an approved template; left out for free text.",
    )
    at = serializers.DateTimeField(required=False, help_text="When it would leave; now where it is left out.")
    actor = serializers.ChoiceField(choices=(HUMAN, BOT), required=False, default=BOT)
    similar_product = serializers.BooleanField(required=False, default=False)
    is_bulk = serializers.BooleanField(required=False, default=False)
    has_unsubscribe = serializers.BooleanField(required=False, default=False, help_text="The mail carries both headers of RFC 8058.")
    subject = serializers.CharField(max_length=60, required=False, default="", help_text="Your name for the message.")


class FiredRowSerializer(serializers.Serializer):
    row = serializers.IntegerField(help_text="Row of the decision table; 0 where nothing speaks against it.")
    reason = serializers.CharField()
    detail = serializers.CharField()


class RulingSerializer(serializers.Serializer):
    decision = serializers.IntegerField(help_text="The id under which it is kept.")
    verdict = serializers.CharField(help_text="allow, defer (until not_before), convert (as a template), deny")
    reason = serializers.CharField(help_text="The one that decided.")
    reasons = FiredRowSerializer(many=True, help_text="Every row that fired.")
    text = serializers.ListField(child=serializers.CharField(), help_text="The same for people, in the language of Accept-Language.")
    not_before = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True, help_text="When the window that allows it closes.")
    obligations = serializers.ListField(child=serializers.CharField(), help_text="What the message has to carry.")


def _address(pk: int) -> tuple[Identifier, PointRef]:
    identifier = Identifier.scoped().select_related("profile").filter(pk=pk, kind__in=ADDRESSES).first()
    if identifier is None:
        raise Http404
    return identifier, point_of(identifier)


class DecideView(ApiView):
    ability = Ability.RECORD_CONSENT

    @extend_schema(summary="May this message leave now?", operation_id="consent_decide", request=AskSerializer, responses=RulingSerializer)
    def post(self, request: Request) -> Response:
        """For messages that another system sends. The answer is kept with everything it was drawn from; ask again right before you
        send."""
        wanted = AskSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        identifier, ref = _address(values.pop("identifier"))
        subject = f"api:{values.pop('subject')}" if values["subject"] else values.pop("subject")
        at = values.pop("at", None) or timezone.now()
        ruling = decide_many([Question(ref=ref, profile_id=identifier.profile_id, at=at, subject=subject, **values)])[0]
        decision = keep(ruling, stage=Decision.Stage.ASKED)
        answer = {
            "decision": decision.pk,
            "verdict": ruling.verdict.value,
            "reason": ruling.reason.value,
            "reasons": decision.reasons,
            "text": explain(ruling).lines,
            "not_before": ruling.not_before,
            "until": ruling.until,
            "obligations": ruling.obligations,
        }
        return Response(RulingSerializer(answer).data)


class NewEventSerializer(StrictSerializer):
    identifier = id_field(help_text="The address it is about: an identifier of a contact.")
    action = serializers.ChoiceField(choices=[each.value for each in WRITABLE])
    purpose = serializers.SlugField(max_length=40, required=False, default="", help_text="Left out: every purpose.")
    channel = serializers.ChoiceField(choices=KINDS, required=False, default="", help_text="Left out: every channel.")
    basis = serializers.ChoiceField(choices=Basis.choices, required=False, default="")
    reason = serializers.ChoiceField(choices=[each.value for each in REPORTED], required=False, default="", help_text="Of a suppression.")
    occurred_at = serializers.DateTimeField(required=False, help_text="When it was said; now where it is left out.")
    key = serializers.CharField(max_length=200, help_text="Your name for the event: the same one again changes nothing.")
    notice = id_field(required=False, help_text="The version of the notice that they had before them.")
    proof = serializers.DictField(required=False, help_text="What proves it: kept encrypted, shown to nobody but auditors.")
    everywhere = serializers.BooleanField(required=False, default=False, help_text="A withdrawal at every address of the person.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["action"] == Action.SUPPRESS and not attrs["reason"]:
            raise serializers.ValidationError({"reason": [_("Say why it is suppressed.")]})
        if attrs["everywhere"] and (attrs["action"] not in RESTRICTIONS or attrs["action"] == Action.SUPPRESS):
            raise serializers.ValidationError({"everywhere": [_("Only a withdrawal or an objection holds everywhere.")]})
        if attrs["purpose"] and not Purpose.scoped().filter(key=attrs["purpose"]).exists():
            raise serializers.ValidationError({"purpose": [_("There is no such purpose.")]})
        if "notice" in attrs:
            attrs["notice"] = NoticeVersion.scoped().filter(pk=attrs["notice"]).first()
            if attrs["notice"] is None:
                raise serializers.ValidationError({"notice": [_("There is no such notice.")]})
        return attrs


class EventSerializer(serializers.ModelSerializer):
    """One event of the ledger. It holds no personal data."""

    point = serializers.CharField(source="point.lookup_hmac", read_only=True, help_text="The address's fingerprint.")
    channel = serializers.CharField(help_text="Kind of channel; empty: every channel.")
    notice = serializers.IntegerField(source="notice_id", allow_null=True)

    class Meta:
        model = ConsentEvent
        fields = [
            "id",
            "point",
            "profile",
            "action",
            "purpose",
            "channel",
            "basis",
            "reason",
            "possession_proven",
            "source",
            "notice",
            "occurred_at",
            "recorded_at",
            "sequence",
            "hash",
        ]
        read_only_fields = fields


class EventsSerializer(serializers.Serializer):
    events = EventSerializer(many=True)


class EventsView(ApiView):
    ability = Ability.RECORD_CONSENT

    @extend_schema(
        summary="Write down what somebody said about being written to",
        operation_id="consent_events_create",
        request=NewEventSerializer,
        responses={201: EventsSerializer},
    )
    def post(self, request: Request) -> Response:
        """A grant that comes this way is no proof that the person holds the address: it lifts no withdrawal, and counts for a purpose
        only with `proof`, and not where the purpose asks for a confirmation."""
        wanted = NewEventSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        identifier, ref = _address(values.pop("identifier"))
        try:
            events = self._write(identifier.profile, ref, values)
        except ValidationError as error:
            raise serializers.ValidationError({"": error.messages}) from error
        return Response(EventsSerializer({"events": events}).data, status=201)

    def _write(self, profile: Profile, ref: PointRef, values: dict[str, Any]) -> list[ConsentEvent]:
        everywhere, key = values.pop("everywhere"), f"api:{values.pop('key')}"
        at = values.pop("occurred_at", None) or timezone.now()
        action = Action(values.pop("action"))
        said: dict[str, Any] = {"origin": Origin.API, "key": key, "profile": profile, "by": self.actor}
        if action is Action.SUPPRESS:
            reason = SuppressionReason(values["reason"])
            return [suppress(ref=ref, reason=reason, at=at, scope=values["channel"], **said)]
        if everywhere:
            about = {name: values[name] for name in ("purpose", "channel", "proof") if name in values}
            return opt_out_person(action=action, occurred_at=at, **about, **said)
        return [record(ref=ref, action=action, occurred_at=at, **values, **said)]


class HoldsSerializer(serializers.Serializer):
    """What holds at one address for one purpose on one channel, and whether a message might leave now."""

    identifier = serializers.IntegerField()
    kind = serializers.CharField()
    value = serializers.CharField()
    channel = serializers.CharField()
    purpose = serializers.CharField()
    state = serializers.CharField(help_text="granted, none, pending, withdrawn, objected, suppressed")
    since = serializers.DateTimeField(allow_null=True)
    verdict = serializers.CharField()
    reason = serializers.CharField()
    not_before = serializers.DateTimeField(allow_null=True)


class ContactConsentSerializer(serializers.Serializer):
    contact = serializers.IntegerField()
    consent = HoldsSerializer(many=True)
    events = EventSerializer(many=True, help_text="The latest fifty.")


class ContactConsentView(ApiView):
    ability = Ability.WORK_CONVERSATIONS

    @extend_schema(
        summary="What a contact wants to receive",
        operation_id="contacts_consent",
        responses={200: ContactConsentSerializer, 410: OpenApiResponse(description="The contact was erased.")},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Every address × channel × purpose, and what was said. A contact that was merged stands for the one it is now."""
        contact = contact_or_404(pk)
        profiles = list(Profile.scoped().filter(contact=contact).values_list("pk", flat=True))
        answer = {
            "contact": contact.pk,
            "consent": [_holds(line) for line in consent_of(contact)],
            "events": events_of(profiles)[:EVENTS],
        }
        return Response(ContactConsentSerializer(answer).data)


def _holds(line: Line) -> dict[str, Any]:
    identifier = line.linked.identifier
    return {
        "identifier": identifier.pk,
        "kind": identifier.kind,
        "value": identifier.value,
        "channel": line.channel,
        "purpose": line.purpose.key,
        "state": line.standing.state.value,
        "since": line.standing.since,
        "verdict": line.ruling.verdict.value,
        "reason": line.ruling.reason.value,
        "not_before": line.ruling.not_before,
    }
