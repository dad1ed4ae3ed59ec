"""A wording changes: whoever agreed to the old one is asked again, once, and what they answer is in the ledger."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, AuditEntry, Membership
from consent import reconsent_letters
from consent.asking_again import Refused, cancel_campaign, due_again, older_grants, outcome_of, preview, start_campaign, wake_due
from consent.carrying_out_campaigns import carry_out
from consent.models import NoticeVersion, Purpose, ReconsentCampaign, ReconsentInvitation
from consent.notices import publish_notice
from consent.one_click import use_token
from consent.reconsent_letters import Letter, LetterNotSent, LetterUnknown
from consent.vocabulary import Action, Origin
from contacts.models import Identifier, Profile
from tests.consent.people import agree, make_person, say

pytestmark = pytest.mark.django_db


class Post:
    """Carries every letter, unless told what goes wrong with the next one."""

    name, reaches = "post", frozenset({"email"})

    def __init__(self) -> None:
        self.sent: list[tuple[str, Letter]] = []
        self.next_fails: Exception | None = None

    def is_ready(self) -> bool:
        return True

    def mailbox(self) -> str:
        return "hola@andes.cl"

    def send(self, *, identifier: Identifier, letter: Letter) -> None:
        if self.next_fails is not None:
            failure, self.next_fails = self.next_fails, None
            raise failure
        self.sent.append((identifier.value, letter))


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Post:
    there = Post()
    monkeypatch.setattr(reconsent_letters, "_senders", {"post": there})
    return there


@pytest.fixture
def marketing(scoped: Account) -> Iterator[Purpose]:
    return Purpose.scoped().get(key="marketing")


def publish(purpose: Purpose, text: str, *, is_material: bool = True) -> NoticeVersion:
    return publish_notice(purpose=purpose, texts={"es": text}, is_material=is_material, by=SYSTEM)[0]


def asked(admin: Membership, purpose: Purpose) -> ReconsentCampaign:
    return carry_out(run_id=start_campaign(purpose=purpose, by=Actor.person(admin)).pk)


@pytest.fixture
def ana(marketing: Purpose) -> Profile:
    """She agreed to the first wording, and the second one means something else."""
    person = make_person(("email", "ana@ejemplo.cl"))
    agree(person, notice=publish(marketing, "Ofertas por correo"), channel="email")
    publish(marketing, "Ofertas por correo y de socios")
    return person


def test_whoever_agreed_to_the_older_wording_gets_one_letter(admin: Membership, marketing: Purpose, ana: Profile, post: Post) -> None:
    run = asked(admin, marketing)

    ((address, letter),) = post.sent
    assert address == "ana@ejemplo.cl"
    assert "de socios" in letter.body
    assert f"/p/{marketing.account.slug}/" in letter.body
    assert letter.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    found = outcome_of(run)
    assert (run.state, found.total, found.asked, found.unanswered) == ("done", 1, 1, 1)
    assert AuditEntry.scoped().get(action="reconsent.start").detail == {"purpose": "marketing", "number": 2}

    # Doing the run again does nothing again, and so does another campaign about the same wording.
    ReconsentCampaign.scoped().filter(pk=run.pk).update(state="queued")
    carry_out(run_id=run.pk)
    with pytest.raises(Refused):
        start_campaign(purpose=marketing, by=Actor.person(admin))
    cancelled = ReconsentCampaign.scoped().filter(pk=run.pk).update(state="cancelled")
    assert cancelled == 1
    asked(admin, marketing)
    assert len(post.sent) == 1


def test_the_answers_are_counted_as_the_ledger_has_them(admin: Membership, marketing: Purpose, ana: Profile, post: Post) -> None:
    first = NoticeVersion.scoped().get(number=1)
    others = [make_person(("email", f"{name}@ejemplo.cl"), name=name) for name in ("beto", "caro")]
    for person in others:
        agree(person, notice=first, channel="email")
    run = asked(admin, marketing)
    assert len(post.sent) == 3

    agree(ana, notice=NoticeVersion.scoped().get(number=2), channel="email", occurred_at=timezone.now() + timedelta(seconds=1))
    token = post.sent[1][1].body.split("/u/")[1].split()[0]
    assert use_token(token, origin=Origin.ONE_CLICK, occurred_at=timezone.now()) is not None

    found = outcome_of(run)
    assert (found.confirmed, found.refused, found.unanswered) == (1, 1, 1)


@pytest.mark.parametrize(
    ("action", "fields"),
    [(Action.WITHDRAW, {"purpose": "marketing"}), (Action.WITHDRAW, {"purpose": ""}), (Action.OBJECT, {}), (Action.STOP, {})],
)
def test_whoever_said_no_since_is_not_asked(
    action: Action, fields: dict[str, Any], admin: Membership, marketing: Purpose, ana: Profile, post: Post
) -> None:
    beto = make_person(("email", "beto@ejemplo.cl"))
    agree(beto, notice=NoticeVersion.scoped().get(number=1), channel="email")
    say(ana, action, occurred_at=timezone.now(), possession_proven=True, **fields)

    asked(admin, marketing)

    assert [address for address, _letter in post.sent] == ["beto@ejemplo.cl"]


def test_a_change_of_no_matter_asks_nobody(admin: Membership, marketing: Purpose, post: Post) -> None:
    agree(make_person(("email", "ana@ejemplo.cl")), notice=publish(marketing, "Ofertas"), channel="email")
    publish(marketing, "Ofertas.", is_material=False)
    with pytest.raises(Refused):
        start_campaign(purpose=marketing, by=Actor.person(admin))
    assert not ReconsentCampaign.scoped().exists()


def test_a_person_with_two_granted_addresses_gets_a_letter_at_the_one_that_it_reaches(
    admin: Membership, marketing: Purpose, post: Post
) -> None:
    luz = make_person(("phone", "+56981234567"), ("email", "luz@ejemplo.cl"))
    first = publish(marketing, "Uno")
    agree(luz, kind="phone", notice=first, channel="whatsapp")
    agree(luz, kind="email", notice=first, channel="email")
    nobody = make_person(("phone", "+56981230000"))
    agree(nobody, notice=first, channel="whatsapp")
    publish(marketing, "Dos")

    seen = preview(marketing)
    assert (seen.points, seen.people) == (3, 2)
    assert [bool(example.problem) for example in seen.examples] == [False, True]
    found = outcome_of(asked(admin, marketing))

    assert [address for address, _letter in post.sent] == ["luz@ejemplo.cl"]
    assert (found.total, found.asked, found.unreachable) == (3, 2, 1)


def test_what_may_not_leave_now_leaves_later(admin: Membership, marketing: Purpose, ana: Profile, post: Post) -> None:
    post.next_fails = LetterNotSent("Es de noche", timezone.now() + timedelta(hours=1))
    run = asked(admin, marketing)
    assert (post.sent, outcome_of(run).waiting, due_again().count()) == ([], 1, 0)

    ReconsentInvitation.scoped().update(not_before=timezone.now() - timedelta(seconds=1))
    assert wake_due() == 1
    carry_out(run_id=run.pk)
    assert (len(post.sent), outcome_of(run).waiting, wake_due()) == (1, 0, 0)


def test_a_letter_of_which_nobody_knows_is_not_sent_again(admin: Membership, marketing: Purpose, ana: Profile, post: Post) -> None:
    post.next_fails = LetterUnknown()
    run = asked(admin, marketing)
    ReconsentCampaign.scoped().filter(pk=run.pk).update(state="queued")
    carry_out(run_id=run.pk)
    assert (post.sent, outcome_of(run).unknown) == ([], 1)

    # A worker that died in the middle of handing one over leaves the same behind.
    ReconsentInvitation.scoped().update(state="sending")
    ReconsentCampaign.scoped().filter(pk=run.pk).update(state="queued")
    carry_out(run_id=run.pk)
    assert (post.sent, outcome_of(run).unknown) == ([], 1)


def test_a_cancelled_campaign_asks_nobody_more(admin: Membership, marketing: Purpose, ana: Profile, post: Post) -> None:
    run = start_campaign(purpose=marketing, by=Actor.person(admin))
    cancel_campaign(run=run, by=Actor.person(admin))
    assert carry_out(run_id=run.pk).state == "cancelled"
    assert post.sent == []
    with pytest.raises(Refused):
        cancel_campaign(run=run, by=Actor.person(admin))


def test_a_supervisor_asks_nobody(supervisor: Membership, admin: Membership, marketing: Purpose, ana: Profile, post: Post) -> None:
    with pytest.raises(PermissionDenied):
        start_campaign(purpose=marketing, by=Actor.person(supervisor))
    assert not ReconsentCampaign.scoped().exists()
    run = start_campaign(purpose=marketing, by=Actor.person(admin))
    with pytest.raises(PermissionDenied):
        cancel_campaign(run=run, by=Actor.person(supervisor))
    run.refresh_from_db()
    assert run.state == "queued"
    assert AuditEntry.scoped().filter(action__startswith="reconsent").count() == 1


def test_without_a_mailbox_nobody_can_be_asked(
    admin: Membership, marketing: Purpose, ana: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconsent_letters, "_senders", {})
    assert not preview(marketing).can_be_sent
    with pytest.raises(Refused):
        start_campaign(purpose=marketing, by=Actor.person(admin))
    assert older_grants(marketing, 2).count() == 1
