"""One shape for every refusal: ``{"error": {"code", "message", "fields"}}``."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from django.utils.translation import gettext as _
from django_scopes import ScopeError
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from accounts.busy import Busy
from accounts.gone import Gone


class Conflict(exceptions.APIException):
    """409: the state of things does not allow it now. ``alternative`` says what would be allowed."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"

    def __init__(self, message: str, *, code: str = "conflict", alternative: Any = None, retry_after: int | None = None) -> None:
        super().__init__(message, code)
        self.alternative, self.wait = alternative, retry_after


class Unprocessable(exceptions.APIException):
    """422: understood, but it contradicts what was said before."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "unprocessable"


def error_body(code: str, message: str, fields: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The one shape. ``fields`` maps a field of the request to its messages."""
    return {"error": {"code": code, "message": message, "fields": dict(fields or {}), **more}}


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to an exception, or ``None`` for a defect of ours (logged and answered 500)."""
    described = _describe(error)
    if described is None:
        return None
    set_rollback()
    code, body = described
    headers = {}
    if auth_header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(max(1, round(wait)))
    return Response(body, status=code, headers=headers)


def _describe(error: Exception) -> tuple[int, dict[str, Any]] | None:
    match error:
        case exceptions.ValidationError():
            return 400, error_body("invalid", _("Some values are not valid."), _fields(error.detail))
        case DjangoValidationError():
            detail = exceptions.ValidationError(_django_detail(error)).detail
            return 400, error_body("invalid", _("Some values are not valid."), _fields(detail))
        case exceptions.ParseError():
            hint = _("The body is not valid JSON. Send one JSON object, encoded as UTF-8, with “Content-Type: application/json”.")
            return 400, error_body("broken_json", hint)
        case RequestDataTooBig():
            return 413, error_body("too_large", _("The body is too large."))
        case exceptions.AuthenticationFailed() | exceptions.NotAuthenticated():
            unknown = isinstance(error, exceptions.NotAuthenticated)
            message = _("A token is needed: send it as “Authorization: Bearer <token>”.") if unknown else str(error.detail)
            return 401, error_body("unauthenticated", message)
        case PermissionDenied() | exceptions.PermissionDenied():
            return 403, error_body("forbidden", _("The role of this token does not allow it."))
        case Http404() | exceptions.NotFound():
            return 404, error_body("not_found", _("There is nothing here, or it is not yours."))
        case exceptions.MethodNotAllowed():
            return 405, error_body("method_not_allowed", _("This address does not take that method."))
        case exceptions.UnsupportedMediaType():
            return 415, error_body("unsupported_media_type", _("Send JSON, with “Content-Type: application/json”."))
        case exceptions.Throttled():
            return 429, error_body("throttled", _("Too many requests. Try again after the seconds that “Retry-After” says."))
        case Conflict():
            more = {"alternative": error.alternative} if error.alternative is not None else {}
            return 409, error_body(str(error.detail.code), str(error.detail), **more)  # type: ignore[union-attr]
        case Busy():
            return 409, error_body("busy", _("Others are changing the same records just now. Nothing was changed; send it again."))
        case Gone():
            return 410, error_body("gone", _("It was erased. Nothing can bring it back."))
        case ScopeError():
            return None
        case exceptions.APIException():
            return error.status_code, error_body(str(getattr(error.detail, "code", "error")), str(error.detail))
    return None


def _django_detail(error: DjangoValidationError) -> Any:
    return error.message_dict if hasattr(error, "error_dict") else error.messages


def _fields(detail: Any) -> dict[str, Any]:
    """Messages by field; what concerns no field stands under ``""``."""
    if isinstance(detail, Mapping):
        return {("" if name in ("non_field_errors", "__all__") else str(name)): value for name, value in detail.items()}
    return {"": detail}
