"""The contact that a page or an API door names."""

from django.http import Http404

from contacts.models import Contact
from contacts.queries import ErasedContact, live_contact


def contact_or_404(contact_id: int) -> Contact:
    """The contact, or the one that shows its profile now. One that was erased is answered 410."""
    try:
        return live_contact(contact_id)
    except ErasedContact:
        raise
    except Contact.DoesNotExist as error:
        raise Http404 from error
