"""Forget the browsers that a person chatted from."""

from contacts.erasers import Person, Report
from integrations.models import Visitor


def forget_visitors(person: Person, report: Report) -> None:
    """Registered with ``contacts.erasers``. The browser starts anew: its token opens nothing any more."""
    report.removed["visitors"] += Visitor.scoped().filter(profile__in=person.profile_ids).delete()[0]
