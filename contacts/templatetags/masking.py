"""Whether a masked value can be asked for."""

from django import template
from django.template import Context

from accounts.models import Membership
from contacts.masking import MASKED_KINDS, Level, level_of
from contacts.queries import IdentifierLine

register = template.Library()


@register.simple_tag(takes_context=True)
def may_ask_for(context: Context, line: IdentifierLine) -> bool:
    """Whether the member sees the line's value masked and may look at it by a click."""
    membership: Membership | None = context.get("membership")
    return membership is not None and line.kind in MASKED_KINDS and level_of(membership) is Level.ON_REQUEST
