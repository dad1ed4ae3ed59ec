"""What the OpenAPI description says of every operation: the token, the errors' one shape, Idempotency-Key on writes."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from accounts.api.idempotency import HEADER, WRITES


class ErrorDetailSerializer(serializers.Serializer):
    code = serializers.CharField(help_text="Stable, for programs.")
    message = serializers.CharField(help_text="For people, in the language of Accept-Language.")
    fields = serializers.DictField(help_text="Field of the request → its messages.")  # type: ignore[assignment]
    alternative = serializers.JSONField(required=False, help_text="What would be allowed instead, where something would.")


class ErrorSerializer(serializers.Serializer):
    error = ErrorDetailSerializer()


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer"}


COMMON = {401: "No token, or not a valid one.", 403: "The role does not allow it.", 429: "Too many requests."}


class Schema(AutoSchema):
    def get_override_parameters(self) -> list[Any]:
        parameters = list(super().get_override_parameters())
        if self.method in WRITES:
            description = "1–255 characters. Repeating a request with the same key within 24 hours gives the first answer again."
            parameters.append(OpenApiParameter(HEADER, OpenApiTypes.STR, OpenApiParameter.HEADER, description=description))
        return parameters

    def get_response_serializers(self) -> Any:
        declared: Any = super().get_response_serializers()
        answers = declared if isinstance(declared, dict) else {201 if self.method == "POST" else 200: declared}
        errors = dict(COMMON)
        if self.method in WRITES:
            errors |= {
                400: "Broken JSON or values that are not valid.",
                409: "Not possible now.",
                422: "The key was used for another request.",
            }
        else:
            errors |= {400: "Parameters that are not valid."}
        if "{" in self.path:
            errors[404] = "Nothing here, or not yours."
        return {**answers, **{code: OpenApiResponse(ErrorSerializer, text) for code, text in errors.items() if code not in answers}}
