"""``/api/v1/attachments/{id}/``: files, and parts of them."""

import pytest
from django.core.files.base import ContentFile

from accounts.models import Account, Channel
from accounts.scope import account_scope
from inbox.models import Attachment
from tests.api.conftest import ApiClient
from tests.conftest import make_channel
from tests.inbox.people import make_conversation, make_profile, say

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel(account: Account) -> Channel:
    with account_scope(account):
        return make_channel(account, "whatsapp")


@pytest.fixture
def attachment(account: Account, channel: Channel) -> Attachment:
    with account_scope(account):
        message = say(make_conversation(make_profile(channel, "56987654321")), "La boleta")
        found = Attachment(message=message, state="stored", name="boleta ñ.pdf", content_type="application/pdf", size=10)
        found.file.save("b.pdf", ContentFile(b"0123456789"))
        return found


def test_a_message_names_its_file_and_the_file_is_given(agent_api: ApiClient, attachment: Attachment) -> None:
    conversation = attachment.message.strand.conversation_id
    (named,) = agent_api.get(f"conversations/{conversation}/messages/").json()["results"][0]["attachments"]
    assert named["url"].endswith(f"/api/v1/attachments/{attachment.pk}/")

    answer = agent_api.get(f"attachments/{attachment.pk}/")

    assert (answer.status_code, answer.content) == (200, b"0123456789")
    assert answer["Content-Type"] == "application/octet-stream"
    assert "boleta" in answer["Content-Disposition"]
    part = agent_api.get(f"attachments/{attachment.pk}/", range="bytes=2-4")
    assert (part.status_code, part.content) == (206, b"234")


def test_a_file_that_is_not_there_yet_or_is_anothers_is_not_found(
    agent_api: ApiClient, outsider_api: ApiClient, account: Account, attachment: Attachment
) -> None:
    assert outsider_api.get(f"attachments/{attachment.pk}/").status_code == 404
    with account_scope(account):
        Attachment.scoped().update(state="waiting")
    answer = agent_api.get(f"attachments/{attachment.pk}/")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
