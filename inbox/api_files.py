"""``/api/v1/attachments/{id}/``: the bytes of a file."""

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from accounts.api.views import ApiView
from accounts.roles import Ability
from inbox.views.files import answer_with_file


class AttachmentView(ApiView):
    ability = Ability.WORK_CONVERSATIONS

    @extend_schema(
        summary="The bytes of a file",
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
            206: OpenApiResponse(description="The part that `Range` asked for."),
            416: OpenApiResponse(description="The file is shorter than that."),
        },
    )
    def get(self, request: Request, pk: int) -> HttpResponse:
        """404 as long as the file has not been fetched from its provider (`state` of the attachment)."""
        return answer_with_file(request._request, pk)
