"""Countries and kinds of channel by their names."""

from django import template

from consent.portal.channels import channel_name
from consent.rule_words import channel_names, country_name

register = template.Library()
register.filter("channel_name", channel_name)
register.filter("channel_names", channel_names)
register.filter("country_name", country_name)
