"""Lists come newest first, in pages that stay put while rows arrive."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param


class NewestFirst(BasePagination):
    """Keyset pages by the view's ``newest_by`` (a date-time field, ``created_at`` unless it says otherwise), then by id.

    ``?limit=`` (1–200, 50 by default) and ``?cursor=`` from the last answer's ``next``.
    """

    default_limit = 50
    max_limit = 200

    def paginate_queryset(self, queryset: QuerySet, request: Request, view: Any = None) -> list[Any]:  # type: ignore[override]
        self.request = request
        self.field = getattr(view, "newest_by", "created_at")
        self.limit = self._limit(request.query_params.get("limit", ""))
        if cursor := request.query_params.get("cursor", ""):
            at, row_id = _decode(cursor)
            # Written so that the index on (field, id) can start at the cursor.
            queryset = queryset.filter(**{f"{self.field}__lte": at}).filter(Q(**{f"{self.field}__lt": at}) | Q(pk__lt=row_id))
        rows = list(queryset.order_by(f"-{self.field}", "-pk")[: self.limit + 1])
        self.has_more = len(rows) > self.limit
        self.page = rows[: self.limit]
        return self.page

    def _limit(self, given: str) -> int:
        if not given:
            return self.default_limit
        if not given.isdecimal() or not 1 <= int(given[:9]) <= self.max_limit:
            raise ValidationError({"limit": [_("Write a number from 1 to %(max)d.") % {"max": self.max_limit}]})
        return int(given)

    def next_link(self) -> str | None:
        if not self.has_more:
            return None
        last = self.page[-1]
        return replace_query_param(self.request.build_absolute_uri(), "cursor", _encode(getattr(last, self.field), last.pk))

    def get_paginated_response(self, data: Sequence[Any]) -> Response:
        return Response({"next": self.next_link(), "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {
                "next": {"type": "string", "format": "uri", "nullable": True, "description": "The next, older page; null on the last."},
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": "Where the page starts: take it from `next`.",
                "schema": {"type": "string"},
            },
            {
                "name": "limit",
                "in": "query",
                "required": False,
                "description": "Rows per page.",
                "schema": {"type": "integer", "minimum": 1, "maximum": self.max_limit, "default": self.default_limit},
            },
        ]


def _encode(at: Any, row_id: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([at.isoformat(), row_id]).encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[Any, int]:
    try:
        at, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        moment = parse_datetime(at)
        if moment is None or moment.tzinfo is None or type(row_id) is not int or not 0 <= row_id < 2**63:
            raise ValueError(cursor)
        return moment, row_id
    except (binascii.Error, ValueError, TypeError) as error:
        raise ValidationError({"cursor": [_("This cursor is not one of ours: take it from “next”.")]}) from error
