"""A person is erased: the log forgets what was said of them, and subscribers are told to forget them too."""

from contacts.erasers import Person, Report
from contacts.models import Profile
from integrations.models import WebhookAttempt
from integrations.webhooks.listening import ERASED, home_profiles, key_of_contact
from integrations.webhooks.recording import tell

GONE = {"erased": True}


def forget_webhooks(person: Person, report: Report) -> None:
    """Registered with ``contacts.erasers``. What waits to be sent is read when it is sent, and then there is nothing to read."""
    shown = WebhookAttempt.scoped().filter(profiles__overlap=list(person.profile_ids))
    report.removed["webhook_log"] += shown.update(request=GONE, answer=GONE)
    contact_id = Profile.scoped().values_list("contact_id", flat=True).get(pk=person.profile_ids[0])
    rest = Profile.scoped().filter(contact=contact_id, erased_at=None).exclude(pk__in=person.profile_ids)
    is_whole = not rest.exists()
    tell(
        ERASED,
        order_key=key_of_contact(contact_id),
        profile_id=home_profiles([contact_id]).get(contact_id),
        subject_id=contact_id,
        contact={"id": contact_id},
        aliases=sorted(set(person.contact_ids) - {contact_id}) if is_whole else [],
        profiles=sorted(person.profile_ids),
        is_whole=is_whole,
    )
