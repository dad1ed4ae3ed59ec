"""Who is behind a browser: known by a secret token, named by the host page, told apart from the next person there."""

import hmac
import secrets
import uuid
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.entrances import token_digest
from accounts.models import Channel
from contacts.claims import Address, Claim
from contacts.models import UNIFYING, Identifier, IdentifierKind, Profile
from contacts.names import names_conflict
from contacts.normalising import normal
from contacts.protections import names_in
from inbox.learning import learn_in_thread
from inbox.models import Strand
from integrations.channels.webchat.identity import HostIdentity, IdentityRefused, claim_of, verify
from integrations.channels.webchat.options import Options
from integrations.models import Visitor

CAUSE = "webchat identity"


@dataclass(frozen=True)
class Opened:
    """The visitor, and the token if it was made just now: it is told once and kept hashed."""

    visitor: Visitor
    token: str | None = None


def visitor_by_token(*, channel: Channel, visitor_id: str, token: str) -> Visitor | None:
    """The visitor whose token this is. A wrong token and an unknown visitor look the same."""
    try:
        wanted = uuid.UUID(visitor_id)
    except ValueError:
        return None
    visitor = Visitor.scoped().select_related("channel", "profile").filter(channel=channel, visitor_id=wanted).first()
    if visitor is None or not hmac.compare_digest(visitor.token_digest, token_digest(token)):
        return None
    return visitor


@transaction.atomic
def make_visitor(*, channel: Channel, identity: HostIdentity | None = None, language: str = "") -> Opened:
    """A new visitor with a token of 256 random bits."""
    token = secrets.token_urlsafe(32)
    visitor = Visitor.objects.create(
        channel=channel,
        visitor_id=uuid.uuid4(),
        token_digest=token_digest(token),
        external_id=identity.id if identity else "",
        identity=identity.as_json() if identity else {},
        language=language,
    )
    return Opened(visitor, token)


def check_identity(*, channel: Channel, payload: str, signature: str, origin: str = "") -> HostIdentity | None:
    """The person the host page vouches for, or ``None``; a wrong signature is shown in the channel's health."""
    if not payload:
        return None
    try:
        identity = verify(payload=payload, signature=signature, secret=Options.of(channel).identity_secret, at=timezone.now())
    except IdentityRefused as refused:
        _warn(channel, refused, origin)
        return None
    if channel.problem in _warnings(channel, origin):
        Channel.scoped().filter(pk=channel.pk).update(problem="")
    return identity


def _warnings(channel: Channel, origin: str) -> dict[str, str]:
    """The words of each refusal, the keys being those words, in the language of the account."""
    with override(channel.account.language):
        where = origin or _("an unknown page")
        return {text: reason for reason, text in _reasons(where).items()}


def _reasons(where: str) -> dict[str, str]:
    return {
        "signature": _("%(where)s names its signed-in user with a wrong signature; the name was ignored.") % {"where": where},
        "expired": _("%(where)s names its signed-in user with a signature that has expired; the name was ignored.") % {"where": where},
        "unreadable": _("%(where)s names its signed-in user in a way that cannot be read; the name was ignored.") % {"where": where},
    }


def _warn(channel: Channel, refused: IdentityRefused, origin: str) -> None:
    with override(channel.account.language):
        text = _reasons(origin or _("an unknown page"))[refused.reason]
    Channel.scoped().filter(pk=channel.pk).exclude(problem=text).update(problem=text)


def open_visitor(*, channel: Channel, known: Visitor | None, identity: HostIdentity | None, language: str = "") -> Opened:
    """The visitor of this page view: the known one, unless it is somebody else's.

    Who was vouched for once is only opened again with the same voucher, so that whoever uses the browser after a sign-out sees
    nothing of it.
    """
    if known is None:
        return make_visitor(channel=channel, identity=identity, language=language)
    if identity is None:
        if known.external_id:
            return make_visitor(channel=channel, language=language)
    elif known.external_id != identity.id:
        if known.external_id or is_somebody_else(known, name=identity.name, email=identity.email, phone=identity.phone):
            return make_visitor(channel=channel, identity=identity, language=language)
        _take_identity(known, identity, channel)
    elif known.identity != identity.as_json():
        _take_identity(known, identity, channel)
    Visitor.scoped().filter(pk=known.pk).update(last_seen_at=timezone.now(), language=language or known.language)
    return Opened(known)


@transaction.atomic
def _take_identity(visitor: Visitor, identity: HostIdentity, channel: Channel) -> None:
    """Bind the visitor to the person; an identifier that is new is decided at once."""
    if visitor.profile is not None:
        claim = claim_of(identity, channel=channel)
        learnt = learn_in_thread(profile=visitor.profile, claim=claim, occurred_at=timezone.now(), cause=CAUSE)
        # What is learnt may be another person's than who used this browser before.
        remember_profile(visitor, learnt.profile)
    visitor.external_id, visitor.identity = identity.id, identity.as_json()
    visitor.save(update_fields=["external_id", "identity"])


def is_somebody_else(visitor: Visitor, *, name: str, email: str, phone: str) -> bool:
    """Whether a name that cannot be the same person's, with another email or phone, speaks for another person in the browser.

    Like ``contacts.matching`` decides for one address; here the next person gets an address and a line of their own, because
    what somebody types never opens what another one wrote.
    """
    profile = visitor.profile
    if profile is None or not name:
        return False
    names = names_in(profile.given, profile.later)
    if not names or not all(names_conflict(known, name) for known in names):
        return False
    region = visitor.channel.account.default_region
    differs = False
    for kind, raw in ((IdentifierKind.EMAIL, email), (IdentifierKind.PHONE, phone)):
        value = normal(kind, raw, region=region) if raw else None
        keys = set(Identifier.scoped().filter(profile=profile, kind=kind, valid_to=None).values_list("key", flat=True))
        if value is not None and value.key in keys:
            return False
        differs = differs or bool(value and keys)
    return differs


def standing_claim(visitor: Visitor) -> Claim:
    """What is known of the visitor whenever a message comes in: the host page's word, and the language."""
    claim = claim_of(HostIdentity(**visitor.identity), channel=visitor.channel) if visitor.identity else Claim()
    given = {**claim.given, **({"language": visitor.language} if visitor.language else {})}
    return Claim(identifiers=claim.identifiers, given=given)


def address_of(visitor: Visitor) -> Address:
    return Address(IdentifierKind.VISITOR, str(visitor.visitor_id))


def remember_profile(visitor: Visitor, profile: Profile) -> None:
    """The profile that this visitor's messages go to from now on. Inside a transaction."""
    if visitor.profile_id != profile.pk:
        Visitor.scoped().filter(pk=visitor.pk).update(profile=profile)
        visitor.profile = profile


def conversation_of(visitor: Visitor) -> int | None:
    """The id of the conversation that the visitor's profile takes part in, the newest one."""
    if visitor.profile_id is None:
        return None
    return (
        Strand.scoped()
        .filter(profile=visitor.profile_id)
        .order_by("-conversation__last_message_at")
        .values_list("conversation", flat=True)
        .first()
    )


def left_a_datum(visitor: Visitor) -> bool:
    """Whether there is a way to answer the visitor outside the chat: the form is not offered again."""
    if visitor.profile is None:
        return bool(visitor.identity.get("email") or visitor.identity.get("phone"))
    return Identifier.scoped().filter(profile__contact=visitor.profile.contact_id, kind__in=UNIFYING, valid_to=None).exists()
