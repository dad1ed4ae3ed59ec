"""Bodies of the API: JSON that can be kept."""

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import JSONParser

_HALF = re.compile("[\ud800-\udfff]")


class StorableJSONParser(JSONParser):
    """Refuses what PostgreSQL cannot store, wherever it stands, so that no field has to think of it: NUL, half a surrogate pair."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        try:
            data = super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError("nested too deeply") from error
        if not _is_storable(data):
            raise ValidationError({"": [_("Text may hold neither NUL nor half a surrogate pair.")]})
        return data


def _is_storable(data: Any) -> bool:
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if "\x00" in value or (not value.isascii() and _HALF.search(value)):
                return False
        elif isinstance(value, dict):
            waiting += (*value.keys(), *value.values())
        elif isinstance(value, list):
            waiting += value
    return True
