"""Settings → Retention: nothing goes without a rule, and a rule lets go of what it names, and of nothing else."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, AuditEntry, Membership
from consent.models import ConsentEvent, RetentionRule, RetentionRun, Suppression
from consent.retaining import carry_out, change_rule, overview, start_run, would_go
from consent.retention_kinds import all_kinds
from consent.suppressing import suppress
from consent.vocabulary import Origin, SuppressionReason
from contacts.claims import Address, Claim
from contacts.models import Profile
from inbox.adapters import InboundMessage
from inbox.models import Attachment, Conversation, InboundEvent, Message
from inbox.receiving import receive
from tests.conftest import make_channel
from tests.consent.people import agree, point

pytestmark = pytest.mark.django_db
OLD = timedelta(days=100)


@pytest.fixture
def old_one(scoped: Account, django_capture_on_commit_callbacks: object) -> Conversation:
    """A resolved conversation of long ago, with a file, and the bytes that it came in."""
    channel = make_channel(scoped, "whatsapp")
    message = receive(
        channel=channel,
        inbound=InboundMessage(
            provider_id="w1",
            sender=Address("whatsapp", "56987654321"),
            occurred_at=timezone.now() - OLD,
            claim=Claim((), {"name": "Ana"}),
            body="Hola",
        ),
    )
    assert message is not None
    Attachment.objects.create(message=message, state="stored", file=ContentFile(b"foto", name="f.jpg"), name="f.jpg", size=4)
    event = InboundEvent.objects.create(channel=channel, body=b"crudo", sha256=bytes(32), state="processed")
    InboundEvent.scoped().filter(pk=event.pk).update(received_at=timezone.now() - OLD)
    long_ago = {"status": "resolved", "resolved_at": timezone.now() - OLD, "last_message_at": timezone.now() - OLD}
    Conversation.scoped().update(**long_ago)
    return Conversation.scoped().get()


def night() -> RetentionRun:
    run = start_run()
    assert run is not None
    return carry_out(run_id=run.pk)


def test_by_default_everything_is_kept(old_one: Conversation) -> None:
    assert [(line.days, line.would_go) for line in overview()] == [(None, 0)] * 3
    assert start_run() is None
    assert not RetentionRun.scoped().exists()
    assert (Attachment.scoped().exclude(file="").count(), Message.scoped().filter(direction="in").count()) == (1, 1)


def test_each_kind_goes_by_its_own_rule(old_one: Conversation) -> None:
    path = Attachment.scoped().get().file.name
    person = Profile.scoped().get()
    agree(person, purpose="marketing", channel="whatsapp")
    suppress(ref=point(person), reason=SuppressionReason.COMPLAINT, at=timezone.now(), key="queja", origin=Origin.SYSTEM, by=SYSTEM)
    said, held = ConsentEvent.scoped().count(), Suppression.scoped().count()

    change_rule(kind="stored_events", days=90, by=SYSTEM)
    assert night().figures == {"stored_events": 1}
    assert bytes(InboundEvent.scoped().get().body) == b""
    assert Attachment.scoped().get().file.name == path

    change_rule(kind="attachments", days=90, by=SYSTEM)
    assert would_go(kind="attachments", days=90) == 1
    assert night().figures == {"attachments": 1}
    assert Attachment.scoped().get().file.name == ""

    change_rule(kind="conversations", days=90, by=SYSTEM)
    assert night().figures == {"conversations": 1}
    assert not Conversation.scoped().exists()
    assert not Message.scoped().exists()

    assert (ConsentEvent.scoped().count(), Suppression.scoped().count()) == (said, held)
    assert Profile.scoped().filter(pk=person.pk).exists()
    # The next night finds nothing, and says so.
    assert night().figures == {}
    assert AuditEntry.scoped().filter(action="retention.carry_out").count() == 3


def test_a_file_is_gone_from_the_storage_too(old_one: Conversation, django_capture_on_commit_callbacks: object) -> None:
    path = Attachment.scoped().get().file.name
    assert default_storage.exists(path)
    change_rule(kind="attachments", days=90, by=SYSTEM)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        night()
    assert not default_storage.exists(path)


def test_what_is_open_or_young_stays(old_one: Conversation) -> None:
    for kind in all_kinds():
        change_rule(kind=kind.key, days=120, by=SYSTEM)
    assert night().figures == {}
    for kind in all_kinds():
        change_rule(kind=kind.key, days=90, by=SYSTEM)
    Conversation.scoped().update(status="open", resolved_at=None)
    InboundEvent.scoped().update(state="pending")
    assert night().figures == {}
    assert (Attachment.scoped().exclude(file="").count(), Message.scoped().filter(direction="in").count()) == (1, 1)


def test_a_run_under_way_is_not_begun_twice(old_one: Conversation) -> None:
    change_rule(kind="attachments", days=90, by=SYSTEM)
    first, second = start_run(), start_run()
    assert first is not None
    assert first == second


@pytest.mark.parametrize(("kind", "days"), [("attachments", 6), ("attachments", 4000), ("consent_event", 90), ("suppression", 90)])
def test_what_makes_no_sense_is_refused(kind: str, days: int, scoped: Account) -> None:
    with pytest.raises(ValidationError):
        change_rule(kind=kind, days=days, by=SYSTEM)
    assert not RetentionRule.scoped().exists()


def test_a_supervisor_sets_no_rule(supervisor: Membership, scoped: Account) -> None:
    with pytest.raises(PermissionDenied):
        change_rule(kind="attachments", days=90, by=Actor.person(supervisor))
    assert not RetentionRule.scoped().exists()
    assert not AuditEntry.scoped().filter(action__startswith="retention").exists()


def test_the_page_says_beforehand_what_would_go(admin_client: Client, scoped: Account, old_one: Conversation) -> None:
    path = f"/a/{scoped.slug}/settings/retention/"
    assert "Aún no se ha borrado nada" in admin_client.get(path).content.decode()
    page = admin_client.get(f"{path}?kind=attachments&days=90").content.decode()
    assert "1 tiene más de 90 días" in page
    assert not RetentionRule.scoped().exists()

    admin_client.post(f"{path}change/", {"kind": "attachments", "days": "90"})
    assert RetentionRule.scoped().get().days == 90
    night()
    assert "Archivos de conversaciones resueltas" in admin_client.get(path).content.decode()
    for wrong in ("nada", "1", "99999999"):
        admin_client.post(f"{path}change/", {"kind": "attachments", "days": wrong})
    admin_client.post(f"{path}change/", {"kind": "attachments", "days": ""})
    assert RetentionRule.scoped().get().days is None
    details = list(AuditEntry.scoped().filter(action="retention.change").order_by("pk").values_list("detail", flat=True))
    assert details == [{"kind": "attachments", "old": None, "new": 90}, {"kind": "attachments", "old": 90, "new": None}]
