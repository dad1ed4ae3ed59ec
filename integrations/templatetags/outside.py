"""What happened outside, as the pages of the integrations say it."""

from django import template

from integrations.error_words import answered, in_words

register = template.Library()
register.filter("answered", answered)
register.filter("in_words", in_words)
