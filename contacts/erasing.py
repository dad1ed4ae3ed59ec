"""Destroy what is known of a person, in every room, and tell what was removed and what was kept and why.

A profile that was erased stays as an empty row: it keeps its place among the homes, so that whoever it was merged with stays the
contact they are, and unmerging the rest works as before. Nothing brings its data back.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record
from accounts.roles import Ability, require
from contacts.announcements import contacts_changed
from contacts.erasers import Person, Report, erasers
from contacts.forgetting import forget_profiles
from contacts.merging import Refused, hold_profiles_of
from contacts.models import Contact, Identifier, Profile


@transaction.atomic
def erase(*, profiles: Sequence[Profile], by: Actor) -> Report:
    """Destroy everything that these profiles of one contact told us, with the corrections of it. It cannot be taken back.

    Raises ``Refused`` for profiles of several contacts or none, ``PermissionDenied``.
    """
    require(by, Ability.ERASE_PEOPLE)
    everybody = hold_profiles_of({profile.contact_id for profile in profiles})
    wanted = {profile.pk for profile in profiles}
    chosen = [each for each in everybody if each.erased_at is None and (each.pk in wanted or each.corrects_id in wanted)]
    if not chosen:
        raise Refused(_("There is nothing to erase."), code="nothing")
    if len({each.contact_id for each in chosen}) > 1:
        raise Refused(_("Choose profiles of one contact."), code="several")
    person = _known(chosen)
    report = Report(profiles=person.profile_ids)
    for eraser in erasers():
        eraser(person, report)
    forget_profiles(person, report)
    shown = Contact.scoped().get(pk=chosen[0].contact_id)
    removed = report.removed
    record(
        actor=by,
        action="contact.erase",
        target=shown,
        profiles=list(person.profile_ids),
        messages=removed["messages"],
        files=removed["files"],
    )
    contacts_changed.send(sender=Contact, contact_ids=[shown.pk])
    return report


def _known(profiles: Iterable[Profile]) -> Person:
    every = list(profiles)
    ids = tuple(profile.pk for profile in every)
    identifiers = tuple(Identifier.scoped().filter(profile__in=ids))
    values = {text for each in identifiers for text in (each.raw, each.value, each.key)} | {each.address for each in every}
    names = {text for each in every for text in _texts([each.given, each.later])}
    homes = {each.home_id for each in every if each.home_id is not None}
    return Person(
        profile_ids=ids,
        contact_ids=tuple(sorted(homes | {each.contact_id for each in every})),
        identifiers=identifiers,
        values=frozenset(values - {""}),
        names=frozenset(names - values - {""}),
    )


def _texts(content: Any) -> Iterable[str]:
    """Every text in the JSON."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for each in content.values():
            yield from _texts(each)
    elif isinstance(content, list):
        for each in content:
            yield from _texts(each)
