"""``/api/v1/consent/import/``: what people said elsewhere, a thousand lines at a time."""

import json
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializing import StrictSerializer
from accounts.api.views import ApiView
from accounts.roles import Ability
from consent.importing import MOST_ROWS, TAKEN, GrantRow, import_grants
from consent.queries import KINDS
from contacts.api import id_field

# Of one line, in JSON.
LARGEST_PROOF = 8_000


class ImportedRowSerializer(StrictSerializer):
    address = serializers.CharField(max_length=320)
    kind = serializers.CharField(max_length=40, help_text="What the address is: email, phone, whatsapp, instagram …")
    action = serializers.ChoiceField(choices=[each.value for each in TAKEN])
    purpose = serializers.SlugField(max_length=40, required=False, default="", help_text="A grant names one; left out: every purpose.")
    channel = serializers.ChoiceField(choices=KINDS, required=False, default="", help_text="Left out: every channel.")
    occurred_at = serializers.DateTimeField(required=False, allow_null=True, default=None, help_text="When it was said; a grant needs it.")
    notice = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, help_text="Number of the wording that they had before them."
    )
    proof = serializers.DictField(required=False, allow_null=True, default=None, help_text="What proves it: kept encrypted.")
    key = serializers.CharField(
        max_length=200, required=False, default="", help_text="Your name for the line: the same one again changes nothing."
    )
    contact = id_field(required=False, allow_null=True, default=None, help_text="Whose grant it is, where several people have the address.")

    def validate_proof(self, proof: dict[str, Any] | None) -> dict[str, Any] | None:
        if proof is not None and len(json.dumps(proof)) > LARGEST_PROOF:
            raise serializers.ValidationError(_("At most %(count)d characters.") % {"count": LARGEST_PROOF})
        return proof


class ImportSerializer(StrictSerializer):
    rows = serializers.ListField(child=ImportedRowSerializer(), allow_empty=False, max_length=MOST_ROWS)


class ImportOutcomeSerializer(serializers.Serializer):
    state = serializers.CharField(
        help_text="recorded · unproven: a grant without proof, which counts for nothing · held_back: recorded, but they opted out here ·"
        " known: the line came before · refused"
    )
    event = serializers.IntegerField(allow_null=True, help_text="Its id in the ledger.")
    problem = serializers.CharField(help_text="Why it was refused, in the language of Accept-Language.")


class ImportAnswerSerializer(serializers.Serializer):
    outcomes = ImportOutcomeSerializer(many=True, help_text="In the order of the rows.")


class ImportView(ApiView):
    ability = Ability.MANAGE_CONSENT

    @extend_schema(
        summary="Take in grants and opt-outs from elsewhere",
        operation_id="consent_import",
        request=ImportSerializer,
        responses=ImportAnswerSerializer,
    )
    def post(self, request: Request) -> Response:
        """An import revives nobody who opted out here. A grant needs a contact that has the address; an opt-out does not. A row that
        cannot be read is refused and the others are taken."""
        wanted = ImportSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        rows = [GrantRow(contact_id=row.pop("contact"), **row) for row in wanted.validated_data["rows"]]
        outcomes = import_grants(rows, by=self.actor)
        answer = [
            {"state": outcome.state, "event": outcome.event.pk if outcome.event else None, "problem": outcome.problem}
            for outcome in outcomes
        ]
        return Response(ImportAnswerSerializer({"outcomes": answer}).data)
