"""What happened outside, as the pages of the integrations say it."""

from django import template

from integrations.error_words import in_words

register = template.Library()
register.filter("in_words", in_words)
