"""What the inbox adds to a person's panel."""

from accounts.models import Account, Membership
from contacts.queries import panel
from tests.conftest import client_for, make_channel
from tests.inbox.people import make_conversation, make_profile


def test_the_panel_lists_the_persons_conversations_the_latest_first(scoped: Account, agent: Membership) -> None:
    ana = make_profile(make_channel(scoped, "email"), "ana@ejemplo.cl", name="Ana")
    other = make_profile(make_channel(scoped, "whatsapp"), "56981234567", name="Eva")
    mine = [make_conversation(ana, subject="Pedido <b>48</b>"), make_conversation(ana, subject="Garantía")]
    make_conversation(other, subject="Ajena")

    (card,) = [card for card in panel(ana.contact_id, membership=agent).cards if card.name == "conversations"]

    assert card.data == {"conversations": mine[::-1]}
    page = client_for(agent).get(f"/a/{scoped.slug}/contacts/{ana.contact_id}/").content.decode()
    assert "Garantía" in page
    assert "Pedido &lt;b&gt;48" in page
    assert "Ajena" not in page


def test_somebody_without_conversations_has_no_card(scoped: Account, agent: Membership) -> None:
    ana = make_profile(make_channel(scoped, "email"), "ana@ejemplo.cl")
    assert [card for card in panel(ana.contact_id, membership=agent).cards if card.name == "conversations"] == []
