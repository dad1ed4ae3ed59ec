"""What the rest of the product has to know of customer data: the card, the export, the erasure, and whose profile is needed."""

import json
from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Membership
from contacts.cards import PersonCard
from contacts.cards import register as register_card
from contacts.erasers import Person, Report, on_erasure
from contacts.exporters import Archive, Section, on_export
from contacts.models import Contact
from contacts.quality.in_use import register as register_needed
from integrations.models import CustomerDataMessage, CustomerEvent, CustomerRecord

SHOWN = 8


def register_people() -> None:
    register_card(
        PersonCard(name="activity", title=gettext_lazy("Activity"), template="integrations/_card_activity.html", load=activity, order=40)
    )
    register_needed("customer_data", with_customer_data)
    on_export("customer_data", export_activity)
    on_erasure("customer_data", forget_customer_data)


def activity(*, contact: Contact, membership: Membership) -> dict[str, Any] | None:
    """What the person did elsewhere, the latest first. One query."""
    rows = CustomerEvent.scoped().filter(profile__contact=contact.pk).select_related("source").order_by("-occurred_at", "-pk")
    found = list(rows[:SHOWN])
    return {"events": found} if found else None


def with_customer_data(profile_ids: Collection[int]) -> set[int]:
    """Those of the profiles that an event or a record belongs to."""
    events = CustomerEvent.scoped().filter(profile__in=profile_ids).values_list("profile_id", flat=True)
    return set(events.union(CustomerRecord.scoped().filter(profile__in=profile_ids).values_list("profile_id", flat=True)))


def export_activity(archive: Archive) -> None:
    """Registered with ``contacts.exporters``."""
    events = CustomerEvent.scoped().filter(profile__in=archive.profile_ids).select_related("source").order_by("occurred_at", "pk")
    rows = [
        {
            "at": event.occurred_at,
            "what": event.name,
            "kind": event.kind,
            "source": event.source.name,
            "details": json.dumps(event.properties, ensure_ascii=False) if event.properties else "",
        }
        for event in events
    ]
    if rows:
        columns = {"at": _("When"), "what": _("What"), "details": _("Details"), "source": _("Through")}
        archive.sections.append(Section("activity", _("What you did elsewhere"), columns, rows))


def forget_customer_data(person: Person, report: Report) -> None:
    """Registered with ``contacts.erasers``. The platform may send the person again: then they are somebody new."""
    report.removed["customer_events"] += CustomerEvent.scoped().filter(profile__in=person.profile_ids).delete()[0]
    CustomerRecord.scoped().filter(profile__in=person.profile_ids).delete()
    CustomerDataMessage.scoped().filter(profile__in=person.profile_ids).delete()
    # What was not taken, or not yet, is known by nothing but its words.
    words = [word.lower() for word in person.values if len(word) > 4]
    kept = CustomerDataMessage.scoped().exclude(body={})
    named = [row.pk for row in kept.iterator() if any(word in json.dumps(row.body, ensure_ascii=False).lower() for word in words)]
    report.removed["customer_messages"] += CustomerDataMessage.scoped().filter(pk__in=named).delete()[0]
