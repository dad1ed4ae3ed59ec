"""For the rail of every page: how many merge suggestions wait, for those who may decide them."""

from django import template
from django.template import Context

from accounts.models import Membership
from accounts.roles import Ability
from contacts.suggestion_queries import COUNTED, open_count

register = template.Library()


@register.simple_tag(takes_context=True)
def waiting_suggestions(context: Context) -> str:
    """The number as a badge shows it; empty where there is none, or it is not this member's to decide."""
    membership: Membership | None = context.get("membership")
    if membership is None or not membership.may(Ability.MERGE_CONTACTS):
        return ""
    count = open_count()
    return f"{count - 1}+" if count >= COUNTED else str(count or "")
