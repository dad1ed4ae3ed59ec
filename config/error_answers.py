"""What Django answers when no view did: JSON below ``/api/``, a page elsewhere."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views import defaults

from accounts.api.errors import error_body


def _json(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse(error_body(code, message), status=status)


def _for_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _for_api(request):
        return _json(400, "bad_request", _("The request cannot be read."))
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _for_api(request):
        return _json(403, "forbidden", _("The role of this token does not allow it."))
    return defaults.permission_denied(request, exception)


def not_offered(request: HttpRequest) -> HttpResponse:
    """A page that a package brings along and Hilo does not offer."""
    raise Http404


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _for_api(request):
        return _json(404, "not_found", _("There is nothing here, or it is not yours."))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if _for_api(request):
        return _json(500, "server_error", _("Something broke on our side. It is in the log; trying again later may help."))
    return defaults.server_error(request)
