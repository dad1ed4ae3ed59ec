"""What an agent knows better: a correction is a profile of its own, which outranks the others and travels with the one it corrects."""

from datetime import UTC
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record
from accounts.models import Account
from accounts.roles import Ability, require
from accounts.scope import current_account_id
from contacts.announcements import contacts_changed
from contacts.claims import Claim, ClaimedIdentifier
from contacts.dates import read_date
from contacts.field_words import language_code
from contacts.locks import hold
from contacts.masking import refuse_masked
from contacts.matching import Recognition, learn
from contacts.models import Contact, Profile, Source
from contacts.normalising import normal
from contacts.survivorship import refresh

LONGEST_FIELD = 40
LONGEST_VALUE = 500
# What a person may type in; the other kinds come from providers.
TYPED_KINDS = frozenset({"email", "phone", "customer_number", "national_id"})


@transaction.atomic
def correct_field(*, contact: Contact, field: str, value: str, by: Actor) -> Contact:
    """Set a field of the contact by hand: it wins over every rule. An empty value takes the correction back.

    An emptied contact stands for the one that shows its profile now. Raises ``ValidationError``, ``PermissionDenied``.
    """
    require(by, Ability.EDIT_CONTACTS)
    field, value = _readable(field, value)
    profiles = _hold(contact)
    shown = profiles[0].contact
    before = shown.fields.get(field)
    if value:
        overridden = _overridden(profiles, before, shown)
        _write(correction_of(overridden, profiles), field, value)
    else:
        for correction in profiles:
            if correction.outranks and field in correction.given:
                _write(correction, field, "")
    return _shown_anew(shown, field=field, old=before["value"] if before else None, new=value, by=by)


@transaction.atomic
def correct_profile(*, profile: Profile, field: str, value: str, by: Actor) -> Contact:
    """Set a field on behalf of one profile, whichever value its contact shows now: for who may speak for that profile only.

    The correction travels with the profile. An empty value takes it back. Raises ``ValidationError``, ``PermissionDenied``.
    """
    require(by, Ability.EDIT_CONTACTS)
    field, value = _readable(field, value)
    hold(
        lambda: dict(Profile.scoped().filter(pk=profile.pk).values_list("pk", "contact_id")),
        contacts_of=lambda found: found,
    )
    mine = Profile.scoped().select_related("contact").get(pk=profile.pk)
    before = mine.contact.fields.get(field)
    correction = correction_of(mine, list(Profile.scoped().filter(corrects=mine)))
    if value or field in correction.given:
        _write(correction, field, value)
    return _shown_anew(mine.contact, field=field, old=before["value"] if before else None, new=value, by=by)


@transaction.atomic
def add_identifier(*, contact: Contact, kind: str, value: str, by: Actor) -> Recognition:
    """Add what the person told an agent, and decide at once by the account's mode: in unified mode it may join another contact.

    Raises ``ValidationError`` for what cannot be read as that kind, ``PermissionDenied``.
    """
    require(by, Ability.EDIT_CONTACTS)
    if kind not in TYPED_KINDS:
        raise ValidationError({"kind": _("Choose what it is: an email, a phone, a customer number or a national id.")})
    refuse_masked(value)
    region = Account.objects.only("default_region").get(pk=current_account_id()).default_region
    if normal(kind, value, region=region) is None:
        raise ValidationError({"value": _("“%(value)s” cannot be read as that.") % {"value": value[:80]}})
    profile = _correction_for_identifiers(contact)
    claim = Claim(identifiers=(ClaimedIdentifier(kind=kind, raw=value),))
    found = learn(profile=profile, claim=claim, occurred_at=timezone.now(), source=Source.AGENT, cause="agent")
    record(actor=by, action="identifier.add", target=found.contact, kind=kind, value=value.strip())
    return found


def _readable(field: str, value: str) -> tuple[str, str]:
    field, value = field.strip(), value.strip()
    refuse_masked(value)
    if not field.isidentifier() or len(field) > LONGEST_FIELD:
        raise ValidationError({"field": _("Write a field's name: letters, digits and underscores.")})
    if len(value) > LONGEST_VALUE:
        raise ValidationError({"value": _("Write at most %(max)d characters.") % {"max": LONGEST_VALUE}})
    if field == "date_of_birth" and value:
        day = read_date(value)
        if day is None:
            raise ValidationError({"value": _("Write the date so that it can only be one day: 1990-03-25.")})
        value = day.isoformat()
    if field == "language":
        value = language_code(value)
    return field, value


def _write(correction: Profile, field: str, value: str) -> None:
    if value:
        correction.given[field] = value
        correction.given_at[field] = timezone.now().astimezone(UTC).isoformat()
    else:
        del correction.given[field], correction.given_at[field]
    correction.save(update_fields=["given", "given_at"])


def _shown_anew(shown: Contact, *, field: str, old: Any, new: str, by: Actor) -> Contact:
    refresh([shown.pk])
    record(actor=by, action="contact.correct", target=shown, field=field, old=old, new=new or None)
    contacts_changed.send(sender=Contact, contact_ids=[shown.pk])
    return Contact.scoped().get(pk=shown.pk)


def _hold(contact: Contact) -> list[Profile]:
    def find() -> list[Profile]:
        home = Profile.scoped().filter(home=contact.pk).values("contact_id")
        return list(Profile.scoped().filter(contact__in=home).select_related("contact").order_by("first_seen_at", "pk"))

    hold(find, contacts_of=lambda found: {profile.pk: profile.contact_id for profile in found})
    return find()


def _overridden(profiles: list[Profile], before: dict[str, Any] | None, shown: Contact) -> Profile:
    """The profile whose value shows now, else the one with the oldest home."""
    by_id = {profile.pk: profile for profile in profiles}
    winner = by_id.get(before["profile"]) if before else None
    if winner is not None:
        return by_id.get(winner.corrects_id or winner.pk, winner)
    return next(profile for profile in profiles if profile.home_id == shown.pk)


def correction_of(profile: Profile, profiles: list[Profile]) -> Profile:
    """The correction that travels with the profile: the one among ``profiles``, else a new one."""
    existing = next((each for each in profiles if each.corrects_id == profile.pk), None)
    if existing is not None:
        return existing
    now = timezone.now()
    return Profile.objects.create(
        contact_id=profile.contact_id,
        source=Source.AGENT,
        corrects=profile,
        outranks=True,
        first_seen_at=now,
        last_seen_at=now,
    )


def _correction_for_identifiers(contact: Contact) -> Profile:
    """Read without locks: ``learn`` takes those of the keys first, and finds the profile wherever it sits by then."""
    home = Profile.scoped().select_related("contact").get(home=contact.pk)
    anchor = Profile.scoped().get(home=home.contact_id)
    return correction_of(anchor, list(Profile.scoped().filter(corrects=anchor)))
