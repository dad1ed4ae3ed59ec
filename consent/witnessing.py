"""What somebody told one of ours: a consent given by word of mouth, with what proves it, and an opt-out by any reasonable means."""

import base64
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from accounts.actors import Actor
from accounts.models import Account
from accounts.scope import current_account_id
from consent.confirmations import Letter, send_letter
from consent.fingerprints import point_of
from consent.ledger import opt_out_person, record
from consent.models import ConsentEvent, NoticeVersion, Purpose
from consent.opting_in import TooMany, ask_to_confirm
from consent.purposes import name_of
from consent.queries import CHANNELS
from consent.vocabulary import Action, Basis, Category, Origin
from contacts.models import Identifier, Profile

# How somebody may have told us; the keys are what the proof keeps.
WAYS = {
    "call": gettext_lazy("On the phone"),
    "visit": gettext_lazy("Face to face"),
    "message": gettext_lazy("In a message"),
    "paper": gettext_lazy("On paper"),
}
LARGEST_FILE = 2 * 1024 * 1024
LONGEST_WORDING, LONGEST_NOTE = 2000, 500


@dataclass(frozen=True)
class Statement:
    """What proves a consent by word of mouth. ``wording``: exactly what was read to them, or what they read."""

    wording: str
    way: str
    said_at: datetime
    heard_by: str
    note: str = ""
    file: UploadedFile | None = None


@dataclass(frozen=True)
class Witnessed:
    """``unsent`` says why the confirmation could not leave; empty where it did. ``asks``: it asks to be confirmed by a link."""

    event: ConsentEvent
    unsent: str
    asks: bool


@transaction.atomic
def witness_grant(*, identifier: Identifier, purpose: Purpose, channel: str, statement: Statement, key: str, by: Actor) -> Witnessed:
    """Write down that the person agreed, and tell them so at that very address, through the gate.

    ``channel`` is a kind by which the address is written to. Where the purpose asks for a confirmation, the message asks for it, and
    nothing may leave before. The same ``key`` writes and sends once. Raises ``ValidationError``, ``PermissionDenied``.
    """
    _check(identifier, purpose, channel, statement)
    notice = NoticeVersion.scoped().filter(purpose=purpose, text=statement.wording.strip()).order_by("-number", "-pk").first()
    event = record(
        ref=point_of(identifier),
        action=Action.GRANT,
        origin=Origin.AGENT,
        occurred_at=statement.said_at,
        key=f"verbal:{key}",
        profile=identifier.profile,
        channel=channel,
        purpose=purpose.key,
        basis=Basis.CONSENT,
        notice=notice,
        proof=_proof(statement),
        by=by,
    )
    letter = _letter(identifier, purpose, channel, statement.said_at, notice, event)
    unsent = send_letter(letter, by=by) if letter is not None else _("They were asked to confirm too often today.")
    return Witnessed(event, unsent, asks=purpose.double_opt_in)


def _check(identifier: Identifier, purpose: Purpose, channel: str, statement: Statement) -> None:
    problems: dict[str, str] = {}
    if channel not in CHANNELS.get(point_of(identifier).kind, ()):
        problems["channel"] = _("This address is not written to by that channel.")
    if not statement.wording.strip():
        problems["wording"] = _("Write down the exact words that they agreed to.")
    if len(statement.wording) > LONGEST_WORDING or len(statement.note) > LONGEST_NOTE or len(statement.heard_by) > LONGEST_NOTE:
        problems["note"] = _("That is too long.")
    if statement.way not in WAYS:
        problems["way"] = _("Say how they told you.")
    if not statement.heard_by.strip():
        problems["heard_by"] = _("Say who heard it.")
    if statement.said_at > timezone.now():
        problems["said_at"] = _("This lies in the future.")
    if statement.file is not None and (statement.file.size or 0) > LARGEST_FILE:
        problems["file"] = _("At most 2 MB.")
    if not purpose.is_active:
        problems["purpose"] = _("This purpose is not in use")
    if problems:
        raise ValidationError(problems)


def _proof(statement: Statement) -> dict[str, object]:
    proof: dict[str, object] = {
        "wording": statement.wording.strip(),
        "way": statement.way,
        "said_at": statement.said_at.isoformat(),
        "heard_by": statement.heard_by.strip(),
        "note": statement.note.strip(),
    }
    if statement.file is not None:
        # Among the evidence, under the person's key: an erasure destroys it with the rest.
        content = base64.b64encode(statement.file.read()).decode()
        proof["file"] = {"name": statement.file.name, "type": statement.file.content_type or "", "content": content}
    return proof


def _letter(
    identifier: Identifier, purpose: Purpose, channel: str, said_at: datetime, notice: NoticeVersion | None, event: ConsentEvent
) -> Letter | None:
    """What tells the person; ``None`` where it would be a nuisance."""
    account = Account.objects.only("name", "language").get(pk=current_account_id())
    token = None
    if purpose.double_opt_in:
        try:
            token = ask_to_confirm(
                profile=identifier.profile,
                identifier=identifier,
                purpose=purpose.key,
                channel=channel,
                origin=Origin.AGENT,
                occurred_at=timezone.now(),
                notice=notice,
            )
        except TooMany:
            return None
    with override(account.language):
        facts = {
            "account": account.name,
            "what": name_of(purpose, account.language),
            "day": formats.date_format(timezone.localtime(said_at), "SHORT_DATE_FORMAT"),
        }
        told = _("%(account)s: on %(day)s you told us that you agree to “%(what)s” here.") % facts
        if token is not None:
            after = _("Confirm it with this link, otherwise nothing is sent: %(link)s") % {"link": confirm_url(token)}
        else:
            after = _("If that is not so, answer BAJA.")
    category = Category.OPT_IN_REQUEST if token is not None else ""
    return Letter(identifier, channel, f"{told} {after}", str(category), f"verbal:{event.pk}")


def confirm_url(token: str) -> str:
    """Where the person confirms (double opt-in)."""
    return settings.PUBLIC_URL.rstrip("/") + reverse("confirm_consent", args=[quote(token)])


def witness_opt_out(*, profile: Profile, key: str, by: Actor) -> list[ConsentEvent]:
    """They told one of ours, in whatever words, that they want no more promotions: at once, at every address of theirs.

    Raises ``PermissionDenied``.
    """
    return opt_out_person(profile=profile, origin=Origin.AGENT, occurred_at=timezone.now(), key=f"told:{key}", reason="told", by=by)
