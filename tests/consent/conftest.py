import pytest

from tests.consent.people import live_on_sunday


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    live_on_sunday(monkeypatch)
