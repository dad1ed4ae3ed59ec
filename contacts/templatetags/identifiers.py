"""Identifiers as people write them."""

from django import template

from contacts.queries import readable

register = template.Library()


@register.filter
def as_written(value: str, kind: str) -> str:
    """``+56 9 8113 8507`` where +56981138507 is kept."""
    return readable(kind, value)
