"""``/api/v1/account/``: the account of the token and its settings."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializing import StrictSerializer
from accounts.api.views import ApiView
from accounts.changing_settings import EDITABLE, change_settings
from accounts.models import Account
from accounts.roles import Ability


class AccountSerializer(StrictSerializer, serializers.ModelSerializer):
    class Meta:
        model = Account
        fields = ["id", "slug", *EDITABLE, "created_at"]
        read_only_fields = ["id", "slug", "created_at"]


class AccountView(ApiView):
    """The account that the token belongs to."""

    ability = Ability.MANAGE_ACCOUNT

    @extend_schema(responses=AccountSerializer, summary="The account and its settings")
    def get(self, request: Request) -> Response:
        return Response(AccountSerializer(self.account).data)

    @extend_schema(request=AccountSerializer(partial=True), responses=AccountSerializer, summary="Change settings")
    def patch(self, request: Request) -> Response:
        """Fields that are not sent stay as they are. Changing `unification_enabled` decides at once about what arrives,
        and starts the job that brings the contacts there are in line: `GET account/unification/` shows how far it is."""
        wanted = AccountSerializer(self.account, data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        account = change_settings(account=self.account, changes=wanted.validated_data, by=self.actor)
        return Response(AccountSerializer(account).data)
