"""Change an account's settings."""

from collections.abc import Callable, Mapping
from typing import Any

import phonenumbers
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import auditing
from accounts.actors import Actor
from accounts.models import Account
from accounts.roles import Ability, require

EDITABLE = (
    "name",
    "language",
    "timezone",
    "default_region",
    "unification_enabled",
    "new_contact_after_hours",
    "name_conflict",
    "matching_policy",
    "claimed_suggests_only",
    "shared_after_names",
    "max_profiles_per_contact",
    "max_merges_per_hour",
    "recycled_after_days",
    "reopen_within_hours",
    "conversation_per_channel",
    "deduplication_merges",
    "stale_after_months",
    "retire_visitors_after_days",
)


# Called as follow(account=Account, by=Actor) in the transaction that switched unification; may refuse with ``ValidationError``.
Follower = Callable[..., Any]
_followers: list[Follower] = []


def on_unification_changed(follow: Follower) -> None:
    """Add what has to follow the switch; adding it again changes nothing. For ``AppConfig.ready()``."""
    if follow not in _followers:
        _followers.append(follow)


@transaction.atomic
def change_settings(*, account: Account, changes: Mapping[str, Any], by: Actor) -> Account:
    """Set the named fields and write down what was there before. Fields that stay the same are not mentioned.

    Raises ``ValidationError`` keyed by field. With unification, what ``on_unification_changed`` was given follows.
    """
    require(by, Ability.MANAGE_ACCOUNT)
    account = Account.objects.select_for_update().get(pk=account.pk)
    unknown = sorted(set(changes) - set(EDITABLE))
    if unknown:
        raise ValidationError({name: _("There is no such setting.") for name in unknown})
    before = {name: getattr(account, name) for name in EDITABLE}
    for name, value in changes.items():
        setattr(account, name, value)
    _check(account)
    changed = {name: [before[name], getattr(account, name)] for name in EDITABLE if before[name] != getattr(account, name)}
    if changed:
        account.save(update_fields=list(changed))
        auditing.record(actor=by, action="account.change", target=account, changed=changed)
    if "unification_enabled" in changed:
        for follow in _followers:
            follow(account=account, by=by)
    return account


def _check(account: Account) -> None:
    account.name = account.name.strip()
    account.default_region = account.default_region.upper()
    errors: dict[str, Any] = {}
    if account.language not in dict(settings.LANGUAGES):
        errors["language"] = _("Choose one of: %(codes)s.") % {"codes": ", ".join(dict(settings.LANGUAGES))}
    if account.default_region not in phonenumbers.SUPPORTED_REGIONS:
        errors["default_region"] = _("Write the two letters of a country, for example CL.")
    try:
        account.full_clean(exclude=["slug"])
    except ValidationError as error:
        errors = {**error.message_dict, **errors}
    if errors:
        raise ValidationError(errors)
