"""A quality score as a small ring."""

from typing import Any

from django import template

from contacts.quality.rules import grade

register = template.Library()


@register.inclusion_tag("contacts/quality/_score.html")
def score_ring(score: int | None, size: str = "") -> dict[str, Any]:
    """``score`` is 0 to 100, or ``None`` while it is not known, which shows nothing."""
    return {"score": score, "grade": grade(score) if score is not None else "", "size": size}
