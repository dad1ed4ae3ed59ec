"""Purposes and the wording under which people agree to them."""

import hashlib
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils.text import slugify
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record as audit
from accounts.roles import Ability, require
from accounts.scope import current_account_id
from consent.models import NoticeVersion, Purpose
from consent.vocabulary import PurposeClass

LONGEST_KEY = 40
CHANGEABLE = frozenset({"names", "legal_basis", "double_opt_in", "expires_after_days", "is_active", "position"})


@transaction.atomic
def publish_notice(*, purpose: Purpose, texts: Mapping[str, str], is_material: bool, by: Actor) -> list[NoticeVersion]:
    """Publish a wording in one or several languages under the next number. A material one asks everybody again.

    Raises ``ValidationError``, ``PermissionDenied``.
    """
    require(by, Ability.MANAGE_CONSENT)
    written = {language: text.strip() for language, text in texts.items() if text.strip()}
    if not written:
        raise ValidationError(_("Write the notice first."))
    held = Purpose.scoped().select_for_update().get(pk=purpose.pk)
    number = (NoticeVersion.scoped().filter(purpose=held).aggregate(last=Max("number"))["last"] or 0) + 1
    versions = [
        NoticeVersion.objects.create(
            purpose=held,
            language=language,
            number=number,
            text=text,
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            is_material=is_material,
        )
        for language, text in sorted(written.items())
    ]
    audit(actor=by, action="notice.publish", target=held, purpose=held.key, number=number, languages=sorted(written))
    return versions


def current_notice(purpose: Purpose, *, language: str) -> NoticeVersion | None:
    """The latest wording in the language, or in another one where it is missing. One query."""
    found = list(NoticeVersion.scoped().filter(purpose=purpose).order_by("-number", "language"))
    return next((version for version in found if version.language == language), found[0] if found else None)


@transaction.atomic
def create_purpose(*, purpose_class: PurposeClass, names: Mapping[str, str], by: Actor, **values: Any) -> Purpose:
    """One more reason to write to people. Its key is made of its name and never changes: events in the ledger name it.

    ``values`` as in ``change_purpose``. Raises ``ValidationError``, ``PermissionDenied``.
    """
    require(by, Ability.MANAGE_CONSENT)
    if unknown := set(values) - CHANGEABLE:
        raise ValidationError({name: _("This cannot be changed.") for name in unknown})
    given = {language: name.strip() for language, name in names.items() if name.strip()}
    if not given:
        raise ValidationError(_("Give it a name first."))
    last = Purpose.scoped().aggregate(last=Max("position"))["last"] or 0
    purpose = Purpose(
        key=_free_key(next(iter(given.values()))), purpose_class=purpose_class, names=given, **{"position": last + 1, **values}
    )
    purpose.account_id = current_account_id()
    purpose.full_clean()
    purpose.save()
    audit(actor=by, action="purpose.create", target=purpose, purpose=purpose.key, kind=str(purpose_class))
    return purpose


def _free_key(name: str) -> str:
    plain = slugify(name)[: LONGEST_KEY - 4].strip("-") or "purpose"
    taken = set(Purpose.scoped().filter(key__startswith=plain).values_list("key", flat=True))
    return next(key for key in (plain, *(f"{plain}-{number}" for number in range(2, 1000))) if key not in taken)


@transaction.atomic
def change_purpose(*, purpose: Purpose, by: Actor, **values: Any) -> Purpose:
    """Change what may be changed of a purpose. Its key and class stay: events in the ledger name them. Raises like the above."""
    require(by, Ability.MANAGE_CONSENT)
    if unknown := set(values) - CHANGEABLE:
        raise ValidationError({name: _("This cannot be changed.") for name in unknown})
    held = Purpose.scoped().select_for_update().get(pk=purpose.pk)
    changed = {name: [getattr(held, name), value] for name, value in values.items() if getattr(held, name) != value}
    for name, value in values.items():
        setattr(held, name, value)
    held.full_clean(exclude=["account"])
    held.save()
    if changed:
        audit(actor=by, action="purpose.change", target=held, purpose=held.key, changed=changed)
    return held
