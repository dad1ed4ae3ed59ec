"""Settings that are lists: one entry per line, or one row of small fields for each."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

# Rows that wait for something new; saving brings more.
SPARE_ROWS = 2


class LinesField(forms.CharField):
    """A list of texts, one per line."""

    widget = forms.Textarea(attrs={"rows": 4, "spellcheck": "false"})

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in (super().to_python(value) or "").splitlines() if line.strip()]

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else "\n".join(value or ())


class RowsWidget(forms.Widget):
    """A row of fields for every entry; ``columns`` are the names and labels. A row that is left empty is no entry."""

    is_group = True

    def __init__(self, columns: Sequence[tuple[str, Any]]) -> None:
        super().__init__()
        self.columns = columns

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[dict[str, str]]:
        given = [data.getlist(f"{name}-{column}") for column, _label in self.columns]
        entries = [
            {column: value.strip() for (column, _), value in zip(self.columns, row, strict=True)} for row in zip(*given, strict=False)
        ]
        return [entry for entry in entries if any(entry.values())]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return not any(f"{name}-{column}" in data for column, _label in self.columns)

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        entries: list[Mapping[str, Any]] = [*(value or ()), *[{}] * SPARE_ROWS]
        rows = [
            [(f"{name}-{column}", label, entry.get(column, ""), column == "body") for column, label in self.columns] for entry in entries
        ]
        return render_to_string("integrations/partials/rows_field.html", {"rows": rows})


class RowsField(forms.Field):
    """A list of mappings, with the columns as keys."""

    def __init__(self, *, columns: Sequence[tuple[str, Any]], **options: Any) -> None:
        super().__init__(widget=RowsWidget(columns), **options)
