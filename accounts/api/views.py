"""What every view of the API is built on."""

from contextlib import ExitStack
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.actors import Actor
from accounts.api.idempotency import WRITES, IdempotencyMixin
from accounts.models import Account, Membership


class ApiRequestMixin(IdempotencyMixin):
    """Keeps the account's scope, which authentication enters, open until the answer is rendered; limits the body's size."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with ExitStack() as scopes:
            request.open_scopes = scopes  # type: ignore[attr-defined]
            response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
            # Bytes need no rendering.
            return response.render() if isinstance(response, Response) else response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method in WRITES and len(request._request.body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig
        super().initial(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        # What people wrote is in these answers: no cache on the way keeps it.
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    @property
    def account(self) -> Account:
        return self.request._request.account  # type: ignore[attr-defined]

    @property
    def membership(self) -> Membership:
        return self.request._request.membership  # type: ignore[attr-defined]

    @property
    def actor(self) -> Actor:
        return self.request._request.actor  # type: ignore[attr-defined]


class ApiView(ApiRequestMixin, APIView):
    """A view of the API: say ``ability`` or ``abilities``, write ``get``, ``post`` …"""


class ApiListView(ApiRequestMixin, GenericAPIView):
    """The same for lists and single rows with a queryset, a serializer and ``newest_by`` for the pages."""

    def answer_page(self, queryset: Any) -> Response:
        """One page of the queryset, newest first."""
        page = self.paginate_queryset(queryset)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
