"""Confirm that an identifier is its person's: a code goes there, and comes back."""

import secrets
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record
from accounts.roles import Ability, require
from contacts.claims import Claim, ClaimedIdentifier
from contacts.code_senders import CodeNotSent, ready_senders, sender_named
from contacts.locks import lock_keys
from contacts.marking import shared_key
from contacts.matching import Recognition, learn
from contacts.models import Certainty, Identifier, Source, VerificationCode

MINUTES = 10
MOST_ATTEMPTS = 5
# Codes within an hour: to one value, whoever's it is said to be; and from one account.
MOST_PER_VALUE = 3
MOST_PER_ACCOUNT = 200


def send_code(*, identifier: Identifier, sender: str, by: Actor) -> VerificationCode:
    """Send a code of six digits to the identifier by one of the ready senders. It takes the place of earlier ones.

    Raises ``ValidationError`` (nothing to confirm, no such way, too many codes, not sent) and ``PermissionDenied``. Call it outside
    a transaction: the limits must hold even where sending fails.
    """
    require(by, Ability.EDIT_CONTACTS)
    chosen = next((each for each in ready_senders() if each.name == sender and identifier.kind in each.reaches), None)
    if chosen is None:
        raise ValidationError(_("No channel of this account can send a code there."))
    code = f"{secrets.randbelow(10**6):06d}"
    with transaction.atomic():
        lock_keys([("codes", ""), ("code", identifier.key)])
        fresh = Identifier.scoped().get(pk=identifier.pk)
        if fresh.certainty != Certainty.CLAIMED or fresh.valid_to is not None:
            raise ValidationError(_("There is nothing to confirm here."))
        _check_limits(fresh)
        waiting = VerificationCode.scoped().filter(identifier=fresh, used_at=None, expires_at__gt=timezone.now())
        waiting.update(expires_at=timezone.now())
        row = VerificationCode.objects.create(
            identifier=fresh,
            sender=chosen.name,
            digest=_digest(fresh, code),
            expires_at=timezone.now() + timedelta(minutes=MINUTES),
            asked_by=by.membership,
        )
        record(actor=by, action="identifier.send_code", target=fresh, kind=fresh.kind, value=fresh.value, sender=chosen.name)
    try:
        sender_named(chosen.name).send(identifier=fresh, code=code, minutes=MINUTES)
    except CodeNotSent as problem:
        VerificationCode.scoped().filter(pk=row.pk).update(expires_at=timezone.now())
        raise ValidationError(problem.text) from problem
    return row


def confirm_code(*, identifier: Identifier, code: str, by: Actor) -> Recognition:
    """Take the code that the person said: the identifier is theirs, and it is decided again whose it is.

    Raises ``ValidationError`` (wrong, too late, too often) and ``PermissionDenied``. Call it outside a transaction: a wrong code
    counts although nothing else is changed.
    """
    require(by, Ability.EDIT_CONTACTS)
    problem = ""
    with transaction.atomic():
        waiting = VerificationCode.scoped().select_for_update().filter(identifier=identifier, used_at=None, expires_at__gt=timezone.now())
        row = waiting.order_by("-pk").first()
        if row is None:
            problem = _("No code is waiting: send another one.")
        elif row.attempts >= MOST_ATTEMPTS:
            problem = _("Too many wrong codes: send another one.")
        elif not constant_time_compare(row.digest, _digest(identifier, "".join(code.split()))):
            VerificationCode.scoped().filter(pk=row.pk).update(attempts=row.attempts + 1)
            problem = _("That is not the code.")
        else:
            return _confirm(row, by)
    raise ValidationError(problem)


def awaiting_code(identifiers: list[Identifier]) -> set[int]:
    """Ids of those to which a code went that still holds. One query."""
    rows = VerificationCode.scoped().filter(
        identifier__in=identifiers, used_at=None, expires_at__gt=timezone.now(), attempts__lt=MOST_ATTEMPTS
    )
    return set(rows.values_list("identifier_id", flat=True))


def _confirm(row: VerificationCode, by: Actor) -> Recognition:
    row.used_at = timezone.now()
    row.save(update_fields=["used_at"])
    identifier = Identifier.scoped().select_related("profile__channel").get(pk=row.identifier_id)
    said = ClaimedIdentifier(identifier.kind, identifier.raw, Certainty.VERIFIED, identifier.scope)
    found = learn(
        profile=identifier.profile,
        claim=Claim((said,)),
        occurred_at=timezone.now(),
        source=Source.AGENT,
        cause=f"verification:{row.sender}",
    )
    record(actor=by, action="identifier.verify", target=identifier, kind=identifier.kind, value=identifier.value, sender=row.sender)
    return found


def _check_limits(identifier: Identifier) -> None:
    recent = VerificationCode.scoped().filter(sent_at__gt=timezone.now() - timedelta(hours=1))
    _kind, key = shared_key(identifier)
    to_value = recent.filter(identifier__key__in=(key, key.lstrip("+")))
    if to_value[:MOST_PER_VALUE].count() >= MOST_PER_VALUE or recent[:MOST_PER_ACCOUNT].count() >= MOST_PER_ACCOUNT:
        raise ValidationError(_("Too many codes within an hour: try again later."), code="too_many")


def _digest(identifier: Identifier, code: str) -> str:
    return salted_hmac("contacts.verifying", f"{identifier.pk}:{code}", algorithm="sha256").hexdigest()
