"""What the tests of the workspace share: its channels, its browser, and people who write."""

import itertools
from datetime import timedelta

from django.utils import timezone
from playwright.sync_api import Page

from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from contacts.claims import Address, Claim, ClaimedIdentifier
from inbox.adapters import InboundMessage
from inbox.models import Conversation, Direction, Message
from inbox.receiving import receive
from tests.browser.conftest import LiveServer, sign_in

VISITOR = "5b1d7d0c-7d3f-4a56-8f3a-0d3ac0ffee01"
OTHER = "5b1d7d0c-7d3f-4a56-8f3a-0d3ac0ffee02"
_numbers = itertools.count()


def hear(channel: Channel, sender: str, body: str, *, name: str = "", minutes: float = 0, **fields: object) -> Conversation:
    """Let a message come in by the door that every channel uses."""
    kinds = {"webchat": "visitor", "whatsapp": "whatsapp", "email": "email"}
    claimed = (ClaimedIdentifier("phone", f"+{sender}", "attested"),) if channel.kind == "whatsapp" else ()
    with account_scope(channel.account_id):
        message = receive(
            channel=channel,
            inbound=InboundMessage(
                provider_id=f"{sender}-{next(_numbers)}",
                sender=Address(kinds[channel.kind], sender),
                occurred_at=timezone.now() - timedelta(minutes=minutes),
                claim=Claim(claimed, {"name": name} if name else {}),
                body=body,
                **fields,  # type: ignore[arg-type]
            ),
        )
        assert message is not None
        return Conversation.scoped().select_related("profile__contact").get(strands=message.strand_id)


def sent(account: Account) -> list[str]:
    with account_scope(account):
        return list(Message.scoped().filter(direction=Direction.OUT).order_by("id").values_list("body", flat=True))


def open_inbox(page: Page, server: LiveServer, member: Membership, account: Account, path: str = "?view=all") -> None:
    sign_in(page.context, server, member)
    with page.expect_websocket():
        page.goto(f"{server.url}/a/{account.slug}/inbox/{path}")
