"""The code in the guide for receivers does what the guide says."""

import re
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from integrations.webhooks.schedule import KEPT, LONGEST_OVERLAP, MOST_ATTEMPTS, OVERLAP
from tests.integrations.provider import Provider
from tests.integrations.webhooks.receiver import deliver_all, subscribe_to
from tests.integrations.webhooks.test_delivering import happens

GUIDE = (Path(__file__).resolve().parents[3] / "docs/guides/receive-webhooks.md").read_text()


def the_guides_code() -> dict[str, Any]:
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL):
        exec(block, names)
    return names


@pytest.mark.django_db
@pytest.mark.usefixtures("scoped")
@pytest.mark.parametrize(("name", "refusal"), [("read_event", WebhookVerificationError), ("read_event_by_hand", ValueError)])
def test_it_takes_what_hilo_sends_and_nothing_else(receiver: Provider, name: str, refusal: type[Exception]) -> None:
    read = the_guides_code()[name]
    _subscription, secret = subscribe_to(receiver)
    happens(number=7)
    deliver_all()
    (asked,) = receiver.asked

    assert read(secret, asked.body, asked.headers)["data"]["contact"] == {"id": 7}

    for wrong in (
        (secret, asked.body + b" ", asked.headers),
        ("whsec_" + "A" * 44, asked.body, asked.headers),
        (secret, asked.body, {**asked.headers, "webhook-timestamp": "1772452800"}),
    ):
        with pytest.raises(refusal):
            read(*wrong)


def test_the_figures_are_those_of_the_code() -> None:
    assert MOST_ATTEMPTS == 11
    assert "eleven attempts in three days" in GUIDE
    assert (KEPT.days, OVERLAP.total_seconds() / 3600, LONGEST_OVERLAP.days) == (30, 24, 7)
