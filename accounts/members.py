"""Who works in an account: invite, change role, switch off and on again."""

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import auditing
from accounts.actors import Actor
from accounts.models import Account, ApiToken, Membership, User
from accounts.roles import Ability, Role, require
from accounts.scope import current_account_id


@transaction.atomic
def invite(*, email: str, name: str, role: str, by: Actor) -> Membership:
    """Give somebody a place in the account in scope; the letter is sent by ``accounts.invitations``.

    Somebody who works in another account keeps their password and name. Raises ``ValidationError`` keyed by field, also for
    who is a member already.
    """
    require(by, Ability.MANAGE_MEMBERS)
    account = _lock_account()
    email = email.strip().lower()
    _check_role(role)
    try:
        validate_email(email)
    except ValidationError as error:
        raise ValidationError({"email": error.messages}) from error
    user = _user(email=email, name=name.strip()[:120], language=account.language)
    membership = Membership.scoped().select_related("user").filter(user=user).first()
    if membership is not None:
        text = (
            _("This person is a member already.")
            if membership.is_active
            else _("This person was a member before: switch them on again in the list.")
        )
        raise ValidationError({"email": text})
    membership = Membership.objects.create(user=user, role=role)
    auditing.record(actor=by, action="member.invite", target=membership, email=email, role=role)
    return membership


def _user(*, email: str, name: str, language: str) -> User:
    user = User.objects.filter(email=email).first()
    if user is not None:
        return user
    try:
        with transaction.atomic():
            return User.objects.create_user(email=email, name=name, language=language)
    except IntegrityError:
        # Another account has just invited the same person.
        return User.objects.get(email=email)


@transaction.atomic
def change_role(*, membership: Membership, role: str, by: Actor) -> Membership:
    """Raises ``ValidationError`` where the account would be left without an administrator."""
    require(by, Ability.MANAGE_MEMBERS)
    _lock_account()
    _check_role(role)
    membership = _current(membership)
    if membership.role == role:
        return membership
    if role != Role.ADMIN:
        _check_not_the_last_administrator(membership)
    before, membership.role = membership.role, role
    membership.save(update_fields=["role"])
    auditing.record(actor=by, action="member.role", target=membership, role=[before, role])
    return membership


@transaction.atomic
def switch_off(*, membership: Membership, by: Actor) -> Membership:
    """The person sees nothing of the account any more and their tokens are revoked; what they wrote stays theirs."""
    require(by, Ability.MANAGE_MEMBERS)
    _lock_account()
    membership = _current(membership)
    if not membership.is_active:
        return membership
    _check_not_the_last_administrator(membership)
    membership.is_active = False
    membership.save(update_fields=["is_active"])
    revoked = ApiToken.scoped().filter(membership=membership, revoked_at=None).update(revoked_at=timezone.now())
    auditing.record(actor=by, action="member.switch_off", target=membership, tokens_revoked=revoked)
    return membership


@transaction.atomic
def switch_on(*, membership: Membership, by: Actor) -> Membership:
    """Let the person work in the account again, in the role they had. Tokens stay revoked."""
    require(by, Ability.MANAGE_MEMBERS)
    _lock_account()
    membership = _current(membership)
    if not membership.is_active:
        membership.is_active = True
        membership.save(update_fields=["is_active"])
        auditing.record(actor=by, action="member.switch_on", target=membership)
    return membership


def _lock_account() -> Account:
    """Changes of members wait for each other: otherwise two administrators could remove one another at once."""
    return Account.objects.select_for_update().get(pk=current_account_id())


def _current(membership: Membership) -> Membership:
    return Membership.scoped().select_related("user").select_for_update(of=("self",)).get(pk=membership.pk)


def _check_role(role: str) -> None:
    if role not in Role.values:
        raise ValidationError({"role": _("Choose a role.")})


def _check_not_the_last_administrator(membership: Membership) -> None:
    others = Membership.scoped().filter(role=Role.ADMIN, is_active=True, user__is_active=True).exclude(pk=membership.pk)
    if membership.role == Role.ADMIN and membership.is_active and not others.exists():
        raise ValidationError(
            _("This is the account's last administrator: make somebody else administrator first."), code="last_administrator"
        )
