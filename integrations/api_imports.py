"""``/api/v1/imports/``: upload a file, say what its columns mean, check it, run it, watch it, undo it."""

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from accounts.api.errors import Conflict, Unprocessable
from accounts.api.idempotency import HEADER
from accounts.api.serializing import StrictSerializer
from accounts.api.views import ApiListView
from accounts.roles import Ability
from integrations.importing import running
from integrations.importing.kinds import WAYS
from integrations.importing.rows import FileRefused
from integrations.importing.uploading import choose_mapping, upload
from integrations.models.imports import Import, ImportRun

# What stands around the file in a multipart body.
AROUND = 1 << 16


class FileRunSerializer(serializers.ModelSerializer):
    kind = serializers.CharField(help_text="check, run, undo")
    state = serializers.CharField(help_text="queued, running, done, failed, cancelled")
    figures = serializers.DictField(help_text="counts: outcome → rows; reasons: code → rejected rows; examples: outcome → some rows.")

    class Meta:
        model = ImportRun
        fields = ["id", "kind", "state", "done", "total", "figures", "error", "created_at", "finished_at"]
        read_only_fields = fields


class FileImportSerializer(serializers.ModelSerializer):
    kind = serializers.CharField(help_text="contacts, conversations, consents")
    format = serializers.CharField(help_text="csv, xlsx, vcard: by what is in the file, not by its name.")
    headings = serializers.ListField(child=serializers.CharField())
    mapping = serializers.ListField(child=serializers.CharField(allow_blank=True), help_text="What each column means; empty: left out.")
    other_system = serializers.CharField(source="source", help_text="Of conversations: the system that their ids are of.")
    runs = FileRunSerializer(many=True)

    class Meta:
        model = Import
        fields = [
            "id",
            "kind",
            "format",
            "name",
            "size",
            "encoding",
            "delimiter",
            "has_header",
            "other_system",
            "headings",
            "mapping",
            "runs",
        ]
        fields += ["uploaded_at", "undone_at"]
        read_only_fields = fields


class UploadSerializer(StrictSerializer):
    file = serializers.FileField()
    kind = serializers.ChoiceField(choices=Import.Kind.choices, default=Import.Kind.CONTACTS)


class MappingSerializer(StrictSerializer):
    mapping = serializers.ListField(child=serializers.CharField(allow_blank=True, max_length=40))
    encoding = serializers.CharField(required=False, max_length=20)
    has_header = serializers.BooleanField(required=False)
    other_system = serializers.CharField(
        required=False, allow_blank=True, max_length=60, help_text="Of conversations: the other system that their ids are of."
    )


class StartRunSerializer(StrictSerializer):
    kind = serializers.ChoiceField(choices=ImportRun.Kind.choices)


def refused_as(error: FileRefused) -> Exception:
    """The answer to a file or a wish that was refused: 409 where it may be possible later, 422 otherwise."""
    code = str(error.code or "refused")
    return Conflict(error.messages[0], code=code) if code in ("busy", "over", "undone") else Unprocessable(error.messages[0], code)


class ImportListView(ApiListView):
    ability = Ability.IMPORT_PEOPLE
    serializer_class = FileImportSerializer
    queryset = Import.objects.none()
    newest_by = "uploaded_at"
    parser_classes = (MultiPartParser,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """A file is never read into memory: its size is what the request says, and the parser keeps it on disk."""
        if request.method == "POST":
            if int(request._request.META.get("CONTENT_LENGTH") or 0) > settings.IMPORT_MAX_BYTES + AROUND:
                raise RequestDataTooBig
            if HEADER in request.headers:
                raise Unprocessable("A file is uploaded without an Idempotency-Key: the same file twice changes nothing.", "no_key")
            APIView.initial(self, request, *args, **kwargs)
            return
        super().initial(request, *args, **kwargs)

    @extend_schema(summary="Imports, newest first", operation_id="imports_list", responses=FileImportSerializer(many=True))
    def get(self, request: Request) -> Response:
        return self.answer_page(Import.scoped().prefetch_related("runs"))

    @extend_schema(
        summary="Upload a file to import", request={"multipart/form-data": UploadSerializer}, responses={201: FileImportSerializer}
    )
    def post(self, request: Request) -> Response:
        """Nothing of it is taken in yet: the answer says what its columns are taken for. `PATCH` corrects that, `runs/` starts it."""
        wanted = UploadSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = wanted.validated_data
        if values["kind"] not in WAYS:
            raise serializers.ValidationError({"kind": ["?"]})
        try:
            found = upload(file=values["file"], kind=values["kind"], by=self.actor)
        except FileRefused as error:
            raise refused_as(error) from error
        location = reverse("api:import", args=[found.pk], request=request)
        return Response(self.get_serializer(found).data, status=201, headers={"Location": location})


class ImportView(ApiListView):
    ability = Ability.IMPORT_PEOPLE
    serializer_class = FileImportSerializer
    queryset = Import.objects.none()

    @extend_schema(summary="One import with its runs", responses=FileImportSerializer)
    def get(self, request: Request, pk: int) -> Response:
        return Response(self.get_serializer(get_object_or_404(Import.scoped(), pk=pk)).data)

    @extend_schema(summary="Say what the columns mean", request=MappingSerializer, responses=FileImportSerializer)
    def patch(self, request: Request, pk: int) -> Response:
        imported = get_object_or_404(Import.scoped(), pk=pk)
        wanted = MappingSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = wanted.validated_data
        try:
            changed = choose_mapping(
                imported=imported,
                mapping=values["mapping"],
                by=self.actor,
                encoding=values.get("encoding", ""),
                has_header=values.get("has_header"),
                source=values.get("other_system"),
            )
        except FileRefused as error:
            raise refused_as(error) from error
        return Response(self.get_serializer(changed).data)


class ImportRunsView(ApiListView):
    ability = Ability.IMPORT_PEOPLE
    serializer_class = FileRunSerializer
    queryset = ImportRun.objects.none()

    @extend_schema(summary="Check, run or undo an import", request=StartRunSerializer, responses={202: FileRunSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """A check tries every row and writes nothing. All three work in the background: `GET imports/{id}/` shows how far they are."""
        imported = get_object_or_404(Import.scoped(), pk=pk)
        wanted = StartRunSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            run = running.ask(imported=imported, kind=wanted.validated_data["kind"], by=self.actor)
        except FileRefused as error:
            raise refused_as(error) from error
        return Response(self.get_serializer(run).data, status=202)


class ImportCancelView(ApiListView):
    ability = Ability.IMPORT_PEOPLE
    serializer_class = FileRunSerializer
    queryset = ImportRun.objects.none()

    @extend_schema(summary="Stop a check, a run or an undo", request=None, responses=FileRunSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """What was done until then stays; a run goes on where it was stopped when it is asked for again."""
        run = get_object_or_404(ImportRun.scoped(), pk=pk)
        try:
            running.cancel(run=run, by=self.actor)
        except FileRefused as error:
            raise refused_as(error) from error
        run.refresh_from_db()
        return Response(self.get_serializer(run).data)
