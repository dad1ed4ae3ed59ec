"""Getting in: somebody types an address, and whoever holds it gets a link and a code that work once, for a quarter of an hour.

Whether we know the address decides nothing before the answer: a task looks, and sends a letter where we do.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from accounts.models import Account
from accounts.queueing import enqueue
from accounts.scope import current_account_id
from accounts.tenancy import TenantQuerySet
from consent.fingerprints import PointRef, fingerprint, point_of
from consent.models import PortalSignIn, PortalVisit
from consent.portal.adding import take_on
from consent.portal.addresses import identifiers_at, kept, read_kept
from consent.portal.visits import add_proof, open_visit
from consent.tasks import answer_sign_in
from contacts.code_senders import CodeNotSent, CodeSender, ready_senders
from contacts.locks import lock_keys
from contacts.models import Identifier

log = structlog.get_logger("hilo.portal")

LIFE = timedelta(minutes=15)
MOST_ATTEMPTS = 5
# Within an hour: for one address, whoever types it; and from one place, where a whole mobile network may stand behind one.
MOST_PER_ADDRESS = 5
MOST_PER_CLIENT = 60


class NoEntry(ValidationError):
    """The link or the code does not let anybody in: used, too late, wrong, of another browser. Never says which."""


@dataclass(frozen=True)
class Entered:
    """Somebody is in. ``token`` goes into the cookie; it is empty where the point was added to the visit that they had."""

    visit: PortalVisit
    ref: PointRef
    token: str = ""


@transaction.atomic
def ask(*, ref: PointRef, client: str, language: str, visit: PortalVisit | None = None) -> str:
    """Note that somebody typed the address, and let a worker send the letter if there is one to send.

    Returns the secret for the browser that asked: the code works only with it. With ``visit`` the point is added to that visit.
    Raises ``ValidationError`` where too many were asked for, for a known address and an unknown one alike.
    """
    client_hmac, now, asker = fingerprint("portal-client", client), timezone.now(), secrets.token_urlsafe(24)
    lock_keys([("portal", ref.lookup), ("portal", client_hmac)])
    recent = PortalSignIn.scoped().filter(asked_at__gt=now - timedelta(hours=1))
    of_address, of_client = recent.filter(lookup_hmac=ref.lookup).count(), recent.filter(client_hmac=client_hmac).count()
    if of_address >= MOST_PER_ADDRESS or of_client >= MOST_PER_CLIENT:
        raise ValidationError(_("Too many attempts within an hour. Try again later."), code="too_many")
    row = PortalSignIn.objects.create(
        lookup_hmac=ref.lookup,
        client_hmac=client_hmac,
        asker_digest=digest(asker),
        address=kept(ref),
        language=language,
        visit=visit,
        asked_at=now,
        expires_at=now + LIFE,
    )
    enqueue(answer_sign_in, account_id=current_account_id(), sign_in_id=row.pk)
    return asker


def answer(*, sign_in_id: int) -> None:
    """Send the letter if the address is known. Claimed before sending, so that a second run sends no second letter."""
    with transaction.atomic():
        row = PortalSignIn.scoped().select_for_update(of=("self",)).filter(pk=sign_in_id, handled_at=None).first()
        if row is None:
            return
        now, sender = timezone.now(), None
        ref = read_kept(row.address)
        identifier = _addressee(ref, is_asked_for=row.visit_id is not None)
        if identifier is not None and now < row.expires_at:
            sender = _sender_for(ref)
        token, code = secrets.token_urlsafe(32), f"{secrets.randbelow(10**6):06d}"
        if identifier is not None and sender is not None:
            row.code_digest, row.sent_at = _code_digest(row, code), now
            row.link_digest = digest(token) if row.visit_id is None else None
        row.handled_at = now
        row.save(update_fields=["code_digest", "link_digest", "sent_at", "handled_at"])
    if identifier is None or sender is None:
        return
    link = _link(token) if row.link_digest else ""
    try:
        sender.send(identifier=identifier, code=code, minutes=int(LIFE.total_seconds() // 60), link=link, language=row.language)
    except CodeNotSent as problem:
        # The visitor is told nothing: it would tell that we know the address.
        log.warning("portal_letter_not_sent", sender=sender.name, problem=problem.text)


def enter_by_link(token: str) -> Entered:
    """Open a visit with the token of a letter's link. Raises ``NoEntry``. Works in any browser, once."""
    with transaction.atomic():
        row = _waiting().filter(link_digest=digest(token)).first()
        if row is None or row.attempts >= MOST_ATTEMPTS:
            raise NoEntry(_("This link no longer works. Ask for another one."))
        return _let_in(row)


def enter_by_code(*, asker: str, code: str) -> Entered:
    """Open a visit, or add to one, with the code of a letter. ``asker`` is the secret of the browser that asked for it.

    Raises ``NoEntry``. Call it outside a transaction: a wrong code counts although nothing else is changed.
    """
    with transaction.atomic():
        row = _waiting().filter(asker_digest=digest(asker)).first()
        if row is None:
            problem = _("No code is waiting: ask for another one.")
        elif row.attempts >= MOST_ATTEMPTS:
            problem = _("Too many wrong codes: ask for another one.")
        # An address that we do not know has no code; its row is compared and counted like any other.
        elif not constant_time_compare(row.code_digest, _code_digest(row, "".join(code.split()))):
            PortalSignIn.scoped().filter(pk=row.pk).update(attempts=row.attempts + 1)
            problem = _("That is not the code.")
        else:
            return _let_in(row)
    raise NoEntry(problem)


def is_waiting(asker: str) -> bool:
    """Whether the browser has asked, and may still write the code, whether or not there is one."""
    return bool(asker) and _waiting(lock=False).filter(asker_digest=digest(asker)).exists()


def digest(secret: str) -> str:
    """What is kept of a secret of 192 bits or more, so that a plain SHA-256 cannot be searched."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _waiting(*, lock: bool = True) -> TenantQuerySet[PortalSignIn]:
    rows = PortalSignIn.scoped().filter(used_at=None, expires_at__gt=timezone.now())
    return rows.select_for_update(of=("self",)) if lock else rows


def _let_in(row: PortalSignIn) -> Entered:
    now = timezone.now()
    ref = read_kept(row.address)
    visit, token = (row.visit, "") if row.visit is not None else open_visit(at=now)
    if visit.ended_at is not None or visit.expires_at <= now:
        raise NoEntry(_("Your visit has ended. Come in again."))
    if row.visit is not None:
        take_on(visit=visit, ref=ref)
    add_proof(visit=visit, ref=ref, at=now)
    row.used_at, row.address = now, None
    row.save(update_fields=["used_at", "address"])
    # What else was sent to the address is of no use any more.
    PortalSignIn.scoped().filter(lookup_hmac=row.lookup_hmac, used_at=None, visit=row.visit).update(expires_at=now, address=None)
    return Entered(visit, ref, token)


def _addressee(ref: PointRef, *, is_asked_for: bool) -> Identifier | None:
    """The identifier to write to, by our own spelling of it and never by the typed one; ``None`` where nobody has it.

    Somebody who is in may show an address that we do not know yet.
    """
    found = list(identifiers_at(ref).order_by("-last_seen_at", "-pk")[:20])
    known = next((each for each in found if point_of(each).lookup == ref.lookup), next(iter(found), None))
    if known is None and is_asked_for:
        return Identifier(kind=ref.kind, raw=ref.value, value=ref.value, key=ref.key)
    return known


def _sender_for(ref: PointRef) -> CodeSender | None:
    return next((sender for sender in ready_senders() if ref.kind in sender.reaches), None)


def kinds_that_can_be_asked() -> list[str]:
    """The kinds of address, email and phone, to which the account in scope can send a letter now. One query for each sender."""
    reached = {kind for sender in ready_senders() for kind in sender.reaches}
    return [kind for kind in ("email", "phone") if kind in reached]


def _link(token: str) -> str:
    slug = Account.objects.only("slug").get(pk=current_account_id()).slug
    # In the query, which is not logged.
    return settings.PUBLIC_URL.rstrip("/") + reverse("portal:enter", args=[slug]) + "?" + urlencode({"t": token})


def _code_digest(row: PortalSignIn, code: str) -> str:
    return salted_hmac("consent.portal.signing_in", f"{row.pk}:{code}", algorithm="sha256").hexdigest()
