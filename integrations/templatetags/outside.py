"""What happened outside, as the pages of the integrations say it."""

import json

from django import template

from integrations.error_words import answered, in_words

register = template.Library()
register.filter("answered", answered)
register.filter("in_words", in_words)


@register.filter
def spread_out(body: str) -> str:
    """JSON with a line for each value; anything else, or JSON that was cut, as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
