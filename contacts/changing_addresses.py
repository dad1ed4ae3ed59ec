"""A provider says that somebody's address changed: the same person has a successor address, and the old one may be recycled."""

from datetime import datetime

from django.db import transaction

from accounts.actors import SYSTEM
from accounts.models import Account, Channel
from accounts.scope import current_account_id
from contacts.block_keys import renew_keys
from contacts.claims import Address, Claim
from contacts.matching import Recognition, recognise
from contacts.merging import Refused, merge
from contacts.models import Contact, EndReason, Identifier, Profile
from contacts.reading_claims import normal_address


@transaction.atomic
def change_address(
    *, channel: Channel, former: Address, successor: Address, claim: Claim, occurred_at: datetime
) -> tuple[Profile | None, Recognition]:
    """End the former address and recognise the successor as the same person, in both modes: the provider attests it.

    Returns the profile of the former address, if it is known, and the decision about the successor. Whoever writes from the former
    address later is somebody else. Where the two were marked as different people, they stay apart.
    """
    place = normal_address(former, region=Account.objects.get(pk=current_account_id()).default_region)
    old = Profile.scoped().filter(channel=channel, address=place, is_current=True).first()
    recognition = recognise(channel=channel, address=successor, claim=claim, occurred_at=occurred_at, cause="address_change")
    if old is None or old.pk == recognition.profile.pk:
        return old, recognition
    Profile.scoped().filter(pk=old.pk).update(is_current=False)
    line = place.lstrip("+")
    for identifier in Identifier.scoped().filter(profile=old, valid_to=None, value__in=[place, line, f"+{line}"]):
        identifier.valid_to = occurred_at
        identifier.end_reason = EndReason.CHANGED
        identifier.save(update_fields=["valid_to", "end_reason"])
    renew_keys([old.pk])
    old_contact_id, new_contact_id = (
        Profile.scoped().values_list("contact_id", flat=True).get(pk=pk) for pk in (old.pk, recognition.profile.pk)
    )
    if old_contact_id != new_contact_id:
        try:
            with transaction.atomic():
                merge(contacts=list(Contact.scoped().filter(pk__in=[old_contact_id, new_contact_id])), by=SYSTEM, cause="address_change")
        except Refused:
            return old, recognition
        recognition.profile.refresh_from_db()
    return old, recognition
