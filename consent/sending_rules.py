"""The account's own rules of sending: from where bulk mail comes, how much and when, and what is answered by itself."""

from datetime import time
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record
from accounts.roles import Ability, require
from consent.models import GatePolicy

FIELDS = (
    "postal_address",
    "cap_count",
    "cap_days",
    "quiet_from",
    "quiet_to",
    "opt_out_is_confirmed",
    "help_is_answered",
    "help_texts",
)
LONGEST_HELP = 500


def sending_rules() -> GatePolicy:
    """What the account in scope has set, or the defaults. One query."""
    return GatePolicy.scoped().first() or GatePolicy()


@transaction.atomic
def change_sending_rules(*, by: Actor, **values: Any) -> GatePolicy:
    """Change some of ``FIELDS``; they hold from the next message on. Raises ``ValidationError``, ``PermissionDenied``."""
    require(by, Ability.MANAGE_CONSENT)
    if unknown := set(values) - set(FIELDS):
        raise ValueError(unknown)
    GatePolicy.scoped().get_or_create()
    row = GatePolicy.scoped().select_for_update().get()
    before = {name: _plain(getattr(row, name)) for name in FIELDS}
    for name, value in values.items():
        setattr(row, name, value.strip() if isinstance(value, str) else value)
    row.help_texts = {language: text.strip() for language, text in row.help_texts.items() if text.strip()}
    _check(row)
    changed = {name: [before[name], _plain(getattr(row, name))] for name in FIELDS if before[name] != _plain(getattr(row, name))}
    if changed:
        row.version += 1
        row.save()
        record(actor=by, action="sending_rules.change", target=row, changed=changed)
    return row


def _check(row: GatePolicy) -> None:
    problems: dict[str, str] = {}
    if len(row.postal_address) > 300:
        problems["postal_address"] = _("That is too long.")
    if not 1 <= row.cap_count <= 90:
        problems["cap_count"] = _("Choose a number from 1 to 90.")
    if not 1 <= row.cap_days <= 90:
        problems["cap_days"] = _("Choose a number from 1 to 90.")
    if (row.quiet_from is None) != (row.quiet_to is None) or (row.quiet_from is not None and row.quiet_from == row.quiet_to):
        problems["quiet_to"] = _("Quiet hours have a beginning and an end.")
    if any(len(text) > LONGEST_HELP for text in row.help_texts.values()):
        problems["help_texts"] = _("That is too long.")
    if problems:
        raise ValidationError(problems)


def _plain(value: Any) -> Any:
    return value.strftime("%H:%M") if isinstance(value, time) else value
