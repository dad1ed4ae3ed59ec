"""Law 3 of identity: whatever belongs to a person hangs from a profile, so that no table can be forgotten by a merge."""

from django.apps import apps
from django.contrib.contenttypes.fields import GenericForeignKey
from django.db import models

from contacts.models import Contact


def test_only_contacts_itself_refers_to_a_contact() -> None:
    referring = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.get_fields(include_hidden=True)
        if isinstance(field, models.ForeignKey | models.ManyToManyField) and field.related_model is Contact
    }
    assert {name for name in referring if not name.startswith("contacts.")} == set()
    # The list is short on purpose: where profiles sit, where they were born, and what moved.
    assert {name for name in referring if "Historical" not in name} == {
        "contacts.Profile.contact",
        "contacts.Profile.home",
        "contacts.MergeEvent.contact",
        "contacts.ProfileMove.from_contact",
        "contacts.ProfileMove.to_contact",
    }


def test_no_table_refers_to_just_anything() -> None:
    """A generic foreign key would be a way round the law."""
    generic = [model for model in apps.get_models() if any(isinstance(f, GenericForeignKey) for f in model._meta.private_fields)]
    assert generic == []


def test_no_column_elsewhere_is_called_after_a_contact() -> None:
    """An id kept in a plain column would be a way round it too."""
    named = {
        f"{model._meta.label}.{field.column}"
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label != "contacts"
        for field in model._meta.local_fields
        if field.column in ("contact", "contact_id", "contacts")
    }
    assert named == set()
