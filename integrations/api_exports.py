"""``/api/v1/exports/``: ask for a file, watch it, fetch it."""

from django.core.exceptions import ValidationError
from django.http import FileResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.api.errors import Conflict, Unprocessable
from accounts.api.serializing import StrictSerializer
from accounts.api.views import ApiListView
from accounts.roles import Ability
from integrations.exporting.running import ask, file_name, key_of, open_file
from integrations.models.exports import Export


class ExportSerializer(serializers.ModelSerializer):
    kind = serializers.CharField(help_text="contacts, conversations, consents")
    format = serializers.CharField(help_text="csv, xlsx, vcard, jsonl, parquet")
    state = serializers.CharField(help_text="queued, running, done, failed, cancelled")
    rows = serializers.IntegerField(source="done")
    is_ready = serializers.SerializerMethodField(help_text="Whether `file/` has it now; it is removed at `expires_at`.")

    class Meta:
        model = Export
        fields = ["id", "kind", "format", "state", "rows", "total", "size", "sha256", "error", "is_ready", "created_at", "expires_at"]
        read_only_fields = fields

    def get_is_ready(self, export: Export) -> bool:
        return bool(export.file)


class NewExportSerializer(StrictSerializer):
    kind = serializers.CharField(max_length=14)
    format = serializers.CharField(max_length=8)
    q = serializers.CharField(required=False, allow_blank=True, max_length=200, default="", help_text="As in the directory.")
    fix = serializers.CharField(required=False, allow_blank=True, max_length=20, default="", help_text="A problem of the data, or any.")


class ExportListView(ApiListView):
    ability = Ability.EXPORT_PEOPLE
    serializer_class = ExportSerializer
    queryset = Export.objects.none()

    @extend_schema(summary="Exports, newest first", operation_id="exports_list", responses=ExportSerializer(many=True))
    def get(self, request: Request) -> Response:
        return self.answer_page(Export.scoped())

    @extend_schema(summary="Ask for an export", request=NewExportSerializer, responses={202: ExportSerializer})
    def post(self, request: Request) -> Response:
        """The file is written in the background; `GET exports/{id}/` shows how far it is, `exports/{id}/file/` has it for 24 hours."""
        wanted = NewExportSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            export = ask(**wanted.validated_data, by=self.actor)
        except ValidationError as refused:
            raise Unprocessable(refused.messages[0], str(refused.code or "refused")) from refused
        location = reverse("api:export", args=[export.pk], request=request)
        return Response(self.get_serializer(export).data, status=202, headers={"Location": location})


class ExportView(ApiListView):
    ability = Ability.EXPORT_PEOPLE
    serializer_class = ExportSerializer
    queryset = Export.objects.none()

    @extend_schema(summary="One export", responses=ExportSerializer)
    def get(self, request: Request, pk: int) -> Response:
        return Response(self.get_serializer(get_object_or_404(Export.scoped(), pk=pk)).data)


class ExportFileView(ApiListView):
    ability = Ability.EXPORT_PEOPLE
    serializer_class = ExportSerializer
    queryset = Export.objects.none()

    @extend_schema(summary="Fetch the file of an export", request=None, responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def post(self, request: Request, pk: int) -> FileResponse:
        """`POST`, because every download is written into the audit. 409 before the file is ready and after it was removed."""
        export = get_object_or_404(Export.scoped(), pk=pk)
        file = open_file(export=export, key=key_of(export), by=self.actor)
        if file is None:
            raise Conflict("There is no file: it is not ready yet, or was removed.", code="no_file")
        return FileResponse(file, as_attachment=True, filename=file_name(export), content_type="application/octet-stream")
