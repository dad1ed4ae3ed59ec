"""From the mailbox into the queue of record, once, whatever happens in between."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.models import Account, Channel
from accounts.scope import account_scope
from config.simulator.mailserver import MailServer
from inbox.models import InboundEvent, Message
from inbox.receiving import process_event
from integrations.channels.email import fetching
from integrations.channels.email.connecting import CannotConnect, open_mailbox
from integrations.channels.email.mailbox_settings import settings_of
from integrations.models import MailboxCursor
from tests.integrations.channels.email.conftest import channel_on
from tests.integrations.channels.email.reading import HOUSE, mail


def fetch(channel: Channel) -> int:
    with open_mailbox(settings_of(channel)) as mailbox:
        return fetching.fetch_new(channel=channel, mailbox=mailbox)


def process() -> None:
    for event in InboundEvent.scoped().filter(state="pending").order_by("pk"):
        process_event(event_id=event.pk)


def deliver(server: MailServer, body: str, **fields: str) -> None:
    server.send(mail(body, **fields).encode(), sender="ana@cliente.test", to=HOUSE)


def test_new_mail_is_stored_byte_for_byte_and_stays_unread(server: MailServer, channel: Channel, scoped: Account) -> None:
    deliver(server, "Uno")

    assert fetch(channel) == 1

    event = InboundEvent.objects.get()
    # SMTP ends lines with CRLF; nothing else was touched on the way.
    assert bytes(event.body) == server.mailboxes[HOUSE][0]
    assert event.context["folder"] == "INBOX"
    assert not event.context.get("cut")
    with open_mailbox(settings_of(channel)) as mailbox:
        assert len(mailbox.uids("UNSEEN")) == 1


def test_the_cursor_stands_behind_what_was_stored(server: MailServer, channel: Channel, scoped: Account) -> None:
    deliver(server, "Uno")
    fetch(channel)
    before = MailboxCursor.objects.get()
    assert fetch(channel) == 0

    deliver(server, "Dos", Message_ID="<a2@cliente.test>")
    assert fetch(channel) == 1

    after = MailboxCursor.objects.get()
    assert (after.uidvalidity, after.last_uid) == (before.uidvalidity, before.last_uid + 1)
    assert after.checked_at is not None
    assert InboundEvent.objects.count() == 2


def test_what_was_there_before_the_channel_is_left_alone(server: MailServer, channel: Channel, scoped: Account) -> None:
    deliver(server, "Antiguo")
    Channel.objects.filter(pk=channel.pk).update(created_at=timezone.now() + timedelta(hours=1))
    channel.refresh_from_db()

    assert fetch(channel) == 0
    assert not InboundEvent.objects.exists()


def test_a_crash_before_the_commit_repeats_the_mail_and_nothing_else(
    server: MailServer, channel: Channel, scoped: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(server, "Uno")
    deliver(server, "Dos", Message_ID="<a2@cliente.test>")
    kept = fetching.store_event

    def crash_on_the_second(**facts: Any) -> Any:
        if b"Dos" in facts["body"]:
            raise SystemExit
        return kept(**facts)

    with monkeypatch.context() as patched:
        patched.setattr(fetching, "store_event", crash_on_the_second)
        with pytest.raises(SystemExit):
            fetch(channel)
    cursor = MailboxCursor.objects.get()
    assert InboundEvent.objects.count() == 1

    assert fetch(channel) == 1
    assert MailboxCursor.objects.get().last_uid == cursor.last_uid + 1
    assert InboundEvent.objects.count() == 2


def test_a_rebuilt_mailbox_is_read_again_and_makes_nothing_twice(server: MailServer, channel: Channel, scoped: Account) -> None:
    deliver(server, "Uno")
    deliver(server, "Dos", Message_ID="<a2@cliente.test>")
    fetch(channel)
    process()
    before = MailboxCursor.objects.get()

    server.rebuild(HOUSE)
    deliver(server, "Tres", Message_ID="<a3@cliente.test>")
    assert fetch(channel) == 1
    process()

    after = MailboxCursor.objects.get()
    assert after.uidvalidity != before.uidvalidity
    assert [message.body for message in Message.objects.order_by("pk")] == ["Uno", "Dos", "Tres"]


def test_five_deliveries_of_one_mail_are_one_message(server: MailServer, channel: Channel, scoped: Account) -> None:
    for _time in range(5):
        deliver(server, "Hola")  # each with trace headers of its own
    assert fetch(channel) == 5
    process()
    assert Message.objects.count() == 1
    assert not InboundEvent.objects.exclude(state="processed").exists()


def test_a_used_message_id_hides_no_mail(server: MailServer, channel: Channel, scoped: Account) -> None:
    for body in ("Uno", "Dos", "Uno"):
        deliver(server, body, Message_ID="<siempre@igual.test>")
    fetch(channel)
    process()
    assert [message.body for message in Message.objects.order_by("pk")] == ["Uno", "Dos"]


def test_a_huge_mail_is_fetched_in_part_and_says_so(
    server: MailServer, channel: Channel, scoped: Account, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ATTACHMENT_MAX_BYTES = 50_000
    monkeypatch.setattr(fetching, "_BEGINNING", 10_000)
    server.deliver(mail("Adjunto el video. " + "x" * 80 + "\n" + ("y" * 80 + "\n") * 2000).encode(), to=HOUSE)

    fetch(channel)
    process()

    event = InboundEvent.objects.get()
    assert event.context["cut"] is True
    assert len(event.body) < 12_000
    message = Message.objects.get()
    assert message.body.startswith("Adjunto el video.")
    assert message.payload["left_out"]


def test_what_is_no_mail_is_kept_and_stops_nothing(server: MailServer, channel: Channel, scoped: Account) -> None:
    server.deliver(b"\x00\xff ruido sin encabezados", to=HOUSE, trace=False)
    deliver(server, "Después")
    assert fetch(channel) == 2
    process()
    assert sorted(InboundEvent.objects.values_list("state", flat=True)) == ["processed", "unreadable"]
    assert Message.objects.get().body == "Después"


def test_one_command_reads_every_mailbox_of_every_account(server: MailServer, account: Account, other_account: Account) -> None:
    server.add_mailbox("hola@ajena.test", "clave")
    channel_on(server, account)
    channel_on(server, other_account, address="hola@ajena.test", imap_password="clave")
    with account_scope(other_account):
        broken = channel_on(server, other_account, imap_password="otra")
        off = channel_on(server, other_account)
        Channel.objects.filter(pk=off.pk).update(is_active=False)
    deliver(server, "Para andes")
    server.send(mail("Para la otra").encode(), sender="ana@cliente.test", to="hola@ajena.test")

    call_command("fetch_mail", "--once", stdout=(said := StringIO()))

    assert said.getvalue() == "2 new\n"
    with account_scope(account):
        assert [b"Para andes" in bytes(event.body) for event in InboundEvent.objects.all()] == [True]
    with account_scope(other_account):
        assert [b"Para la otra" in bytes(event.body) for event in InboundEvent.objects.all()] == [True]
        broken.refresh_from_db()
        assert "127.0.0.1" in broken.problem


def test_a_cured_mailbox_loses_its_problem(server: MailServer, channel: Channel, scoped: Account) -> None:
    Channel.objects.filter(pk=channel.pk).update(problem="IMAP: …")
    call_command("fetch_mail", "--once", stdout=StringIO())
    channel.refresh_from_db()
    assert channel.problem == ""


def test_a_mail_that_the_server_keeps_for_itself_is_said_not_skipped(
    server: MailServer, channel: Channel, scoped: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(server, "Uno")
    monkeypatch.setattr(fetching, "_section", lambda mailbox, uid, section: ("NO", b""))
    with pytest.raises(CannotConnect):
        fetch(channel)
    assert MailboxCursor.objects.get().last_uid == 0
