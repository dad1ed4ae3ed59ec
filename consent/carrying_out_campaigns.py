"""The worker's part of a re-consent campaign: one letter to each person, at most once, whatever breaks."""

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.background_runs import Cancelled
from accounts.models import Account
from accounts.scope import current_account_id
from consent.asking_again import MISSING, SAID_NO, Invited, older_grants, standing_question
from consent.models import ConsentState, NoticeVersion, ReconsentCampaign, ReconsentInvitation
from consent.notices import current_notice
from consent.one_click import token_for, unsubscribe_headers, unsubscribe_url
from consent.points import LinkedPoint, ensure_point, points_of_person
from consent.preferences import preferences_of_person
from consent.purposes import name_of
from consent.reconsent_letters import Letter, LetterNotSent, LetterSender, LetterUnknown, ready_senders
from contacts.models import Profile

# Letters between two signs of life.
BEAT_EVERY = 10
State = ReconsentCampaign.State


def carry_out(*, run_id: int) -> ReconsentCampaign:
    """Do the run, unless somebody does it already; returns the row as it ended. Safe to run twice."""
    run = ReconsentCampaign.take(run_id)
    if run is None:
        return ReconsentCampaign.scoped().select_related("purpose").get(pk=run_id)
    try:
        _ask_everybody(run)
    except Cancelled:
        run.refresh_from_db()
        return run
    except Exception as error:
        run.end(State.FAILED, f"{type(error).__name__}: {error}")
        raise
    run.end(State.DONE)
    return run


def _ask_everybody(run: ReconsentCampaign) -> None:
    # A worker that died while it handed a letter over: nobody knows, so nobody sends it again.
    run.invitations.filter(state=Invited.SENDING).update(state=Invited.UNKNOWN)
    _invite_everybody(run)
    run.total = run.invitations.count()
    run.done = run.total - run.invitations.filter(state=Invited.WAITING).count()
    run.beat()
    senders = ready_senders()
    now = timezone.now()
    due = run.invitations.filter(state=Invited.WAITING).exclude(not_before__gt=now).order_by("pk")
    for count, pk in enumerate(list(due.values_list("pk", flat=True)), 1):
        _ask(run, pk, senders)
        run.done += 1
        if count % BEAT_EVERY == 0:
            run.beat()
    run.beat()


@transaction.atomic
def _invite_everybody(run: ReconsentCampaign) -> None:
    """A row for each point with a grant to an older wording. Whoever an earlier campaign asked about this wording is left out."""
    asked = ReconsentInvitation.scoped().filter(campaign__purpose=run.purpose_id, campaign__number=run.number).exclude(campaign=run)
    asked = asked.exclude(state__in=(Invited.WAITING, Invited.UNREACHABLE))
    found = older_grants(run.purpose, run.number).exclude(point__in=asked.values("point")).values_list("point_id", "profile_id").distinct()
    rows = [ReconsentInvitation(campaign=run, point_id=point, profile_id=profile) for point, profile in found]
    ReconsentInvitation.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)


def _ask(run: ReconsentCampaign, pk: int, senders: list[LetterSender]) -> None:
    ready = _make_ready(run, pk, senders)
    if ready is None:
        return
    sender, linked, letter = ready
    invitation = ReconsentInvitation.scoped().filter(pk=pk)
    try:
        sender.send(identifier=linked.identifier, letter=letter)
    except LetterNotSent as error:
        state = Invited.UNREACHABLE if error.not_before is None else Invited.WAITING
        invitation.update(state=state, address=None, reason=error.text[:300], not_before=error.not_before)
    except LetterUnknown:
        invitation.update(state=Invited.UNKNOWN, asked_at=timezone.now())
    else:
        invitation.update(state=Invited.ASKED, asked_at=timezone.now(), reason="")


@transaction.atomic
def _make_ready(run: ReconsentCampaign, pk: int, senders: list[LetterSender]) -> tuple[LetterSender, LinkedPoint, Letter] | None:
    """Claim the row and write its letter; ``None`` where there is nothing to send. Committed before anything leaves."""
    invitation = ReconsentInvitation.scoped().select_for_update(of=("self",)).select_related("point").get(pk=pk)
    if invitation.state != Invited.WAITING or ReconsentCampaign.scoped().filter(pk=run.pk, state=State.CANCELLED).exists():
        return None
    profile = Profile.scoped().filter(pk=invitation.profile_id or 0, erased_at=None).first()
    if profile is None:
        _leave(invitation, _("Nobody we know any more"))
        return None
    linked = points_of_person(profile)
    channel = ConsentState.scoped().filter(point=invitation.point, profile=profile, purpose=run.purpose.key).values_list("channel").first()
    ruling = standing_question(invitation, linked, run.purpose, channel[0] if channel else "")
    if ruling is None or SAID_NO.intersection(ruling.reasons):
        _leave(invitation, _("They said no since, or the address is no longer theirs"))
        return None
    if not MISSING.intersection(ruling.reasons):
        _leave(invitation, _("They agreed meanwhile"))
        return None
    found = _where(invitation, linked, senders)
    if found is None:
        _leave(invitation, _("No address that a letter reaches"))
        return None
    sender, place = found
    point = ensure_point(place.ref)
    before = ReconsentInvitation.scoped().filter(campaign=run, address=point).exclude(state=Invited.WAITING).order_by("pk").first()
    if before is not None:
        # One letter asks about all that leads to one mailbox.
        invitation.state, invitation.address, invitation.asked_at = before.state, point, before.asked_at or timezone.now()
        invitation.save()
        return None
    invitation.state, invitation.address, invitation.not_before = Invited.SENDING, point, None
    invitation.save()
    return sender, place, _letter(run, invitation, profile, place, sender)


def _leave(invitation: ReconsentInvitation, why: str) -> None:
    invitation.state, invitation.reason = Invited.UNREACHABLE, why
    invitation.save()


def _where(
    invitation: ReconsentInvitation, linked: list[LinkedPoint], senders: list[LetterSender]
) -> tuple[LetterSender, LinkedPoint] | None:
    """The granted address itself where a letter reaches it, else the first of the person's that one does."""
    own_first = sorted(linked, key=lambda each: each.ref.lookup != invitation.point.lookup_hmac)
    return next(((sender, each) for each in own_first for sender in senders if each.identifier.kind in sender.reaches), None)


def _letter(run: ReconsentCampaign, invitation: ReconsentInvitation, profile: Profile, place: LinkedPoint, sender: LetterSender) -> Letter:
    account = Account.objects.get(pk=current_account_id())
    language = preferences_of_person(profile).language or account.language
    token = token_for(ref=place.ref, profile=profile, purpose=run.purpose.key)
    wording = current_notice(run.purpose, language=language)
    with translation.override(language):
        named = {"account": account.name, "purpose": name_of(run.purpose, language)}
        body = _(
            "You agreed to receive this from %(account)s: %(purpose)s. What it means has changed, so we ask again. The new wording:\n\n"
            "%(wording)s\n\nTo go on receiving it, come in and say yes:\n%(portal)s\n\n"
            "To stop, one tap is enough:\n%(stop)s\n\nIf you do nothing, nothing more of it is sent."
        ) % {
            **named,
            "wording": _words_of(wording),
            "portal": settings.PUBLIC_URL.rstrip("/") + reverse("portal:home", args=[account.slug]),
            "stop": unsubscribe_url(token),
        }
        title = _("%(account)s: do you still want “%(purpose)s”?") % named
    headers = unsubscribe_headers(token, mailbox=sender.mailbox())
    return Letter(subject_key=f"reconsent:{invitation.pk}", title=title, body=body, headers=headers)


def _words_of(wording: NoticeVersion | None) -> str:
    return wording.text if wording is not None else ""
