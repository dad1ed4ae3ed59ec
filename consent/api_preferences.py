"""``/api/v1/contacts/{id}/preferences/``: how and when somebody wants to be written to."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializing import StrictSerializer
from accounts.api.views import ApiView
from accounts.roles import Ability
from consent.preferences import PersonsPreferences, preferences_of_contact, set_preferences_of_person
from consent.queries import KINDS
from contacts.models import Contact
from contacts.showing import contact_or_404

GONE = OpenApiResponse(description="The contact was erased.")


class HoursSerializer(StrictSerializer):
    begin = serializers.TimeField(format="%H:%M")
    end = serializers.TimeField(format="%H:%M", help_text="May lie on the next day.")


class CapSerializer(StrictSerializer):
    messages = serializers.IntegerField(min_value=1, max_value=90)
    days = serializers.IntegerField(min_value=1, max_value=90)


class PreferencesSerializer(serializers.Serializer):
    contact = serializers.IntegerField()
    language = serializers.CharField(help_text="Empty where nothing is known.")
    channels = serializers.ListField(child=serializers.CharField(), help_text="Kinds of channel, the preferred one first.")
    timezone = serializers.CharField()
    quiet_hours = HoursSerializer(many=True, help_text="Every profile's own, in local time: all of them hold.")
    caps = CapSerializer(many=True, help_text="At most so many messages within so many days: all of them hold.")
    paused_until = serializers.DateTimeField(allow_null=True)


class WantedPreferencesSerializer(StrictSerializer):
    """The whole of it: what is left out is not set."""

    language = serializers.RegexField(
        r"\A[a-z]{2}(-[A-Z]{2})?\Z", required=False, default="", allow_blank=True, help_text="es, pt, pt-BR …"
    )
    channels = serializers.ListField(child=serializers.CharField(max_length=20), required=False, default=list, max_length=len(KINDS))
    timezone = serializers.CharField(max_length=60, required=False, default="", allow_blank=True, help_text="America/Santiago")
    quiet_hours = HoursSerializer(required=False, allow_null=True, default=None)
    cap = CapSerializer(required=False, allow_null=True, default=None)
    paused_until = serializers.DateTimeField(required=False, allow_null=True, default=None, help_text="A year ahead at most.")

    def validate_channels(self, channels: list[str]) -> list[str]:
        if len(set(channels)) < len(channels):
            raise serializers.ValidationError(_("Each channel once."))
        if not set(channels) <= set(KINDS):
            raise serializers.ValidationError(_("There is no such kind of channel."))
        return channels


class PreferencesView(ApiView):
    abilities = {"GET": Ability.WORK_CONVERSATIONS, "PUT": Ability.RECORD_CONSENT}

    @extend_schema(
        summary="How and when a contact wants to be written to",
        operation_id="contacts_preferences",
        responses={200: PreferencesSerializer, 410: GONE},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Of several profiles the strictest pause, hours and caps rule; language and channels are the latest."""
        return _answer(contact_or_404(pk))

    @extend_schema(
        summary="Set how and when a contact wants to be written to",
        operation_id="contacts_preferences_set",
        request=WantedPreferencesSerializer,
        responses={200: PreferencesSerializer, 410: GONE},
    )
    def put(self, request: Request, pk: int) -> Response:
        """Takes the place of all preferences of all the contact's profiles: what is left out is not set any more. Only what the person
        told you belongs here."""
        contact = contact_or_404(pk)
        wanted = WantedPreferencesSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            set_preferences_of_person(contact=contact, by=self.actor, **_as_stored(wanted.validated_data))
        except ValidationError as error:
            raise serializers.ValidationError(_as_asked(error)) from error
        return _answer(contact)


# Field of the table → field of the door.
DOOR = {"quiet_from": "quiet_hours", "quiet_to": "quiet_hours", "cap_count": "cap", "cap_days": "cap"}


def _as_stored(values: Mapping[str, Any]) -> dict[str, Any]:
    hours, cap = values["quiet_hours"] or {}, values["cap"] or {}
    return {
        **{name: values[name] for name in ("language", "channels", "timezone", "paused_until")},
        "quiet_from": hours.get("begin"),
        "quiet_to": hours.get("end"),
        "cap_count": cap.get("messages"),
        "cap_days": cap.get("days"),
    }


def _as_asked(error: ValidationError) -> dict[str, list[str]]:
    return {DOOR.get(name, name): list(texts) for name, texts in error.message_dict.items()}


def _answer(contact: Contact) -> Response:
    found: PersonsPreferences = preferences_of_contact(contact)
    answer = {
        "contact": contact.pk,
        "language": found.language,
        "channels": found.channels,
        "timezone": found.timezone,
        "quiet_hours": [{"begin": begin, "end": end} for begin, end in dict.fromkeys(found.quiet_hours)],
        "caps": [{"messages": count, "days": days} for count, days in dict.fromkeys(found.caps)],
        "paused_until": found.paused_until,
    }
    return Response(PreferencesSerializer(answer).data)
