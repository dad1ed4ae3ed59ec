"""What the OpenAPI description says of every operation: the token, the one shape of refusals, Idempotency-Key on writes."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import get_lib_doc_excludes

ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "fields"],
            "properties": {
                "code": {"type": "string", "description": "Stable, for programs."},
                "message": {"type": "string", "description": "For people, in the language of Accept-Language."},
                "fields": {"type": "object", "additionalProperties": True, "description": "Field of the request → its messages."},
                "alternative": {"nullable": True, "description": "What would be allowed instead, where something would."},
            },
        }
    },
}
ANSWERS = {
    "400": "The body is not JSON, or values are not valid.",
    "401": "No token, or one that is not valid.",
    "403": "The role of the token does not allow it.",
    "404": "There is nothing here, or it is not yours.",
    "409": "Not possible now: the message says why.",
    "413": "The body is too large.",
    "415": "The body must be JSON.",
    "422": "The Idempotency-Key was used for another request.",
    "429": "Too many requests: wait as many seconds as Retry-After says.",
}
ALWAYS = {"400", "401", "403", "429"}
ON_WRITES = {"409", "413", "415", "422"}
IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "Repeating a request with the same key within 24 hours gives the first answer again.",
}


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer"}


def add_refusals(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Post-processing hook: what holds for every operation is said of every operation."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Error"] = ERROR
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    components["responses"] = {f"Error{code}": {"description": text, "content": content} for code, text in ANSWERS.items()}
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            # A write may name what is not there in its body, too.
            codes = ALWAYS | ({"404"} if "{" in path or method != "get" else set()) | (ON_WRITES if method != "get" else set())
            for code in sorted(codes):
                operation["responses"].setdefault(code, {"$ref": f"#/components/responses/Error{code}"})
            if method != "get":
                operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    return result


def doc_excludes() -> list[type]:
    """Classes whose docstrings are not descriptions of an operation."""
    from accounts.api import views

    return [*get_lib_doc_excludes(), views.ApiRequestMixin, views.ApiView, views.ApiListView]
