"""`.env.example` against the variables that the settings read."""

import re

from tests.config.embedded_users import CHECKOUT


def test_every_setting_of_the_environment_is_explained() -> None:
    settings = (CHECKOUT / "config" / "settings.py").read_text()
    read = set(re.findall(r"env\.\w+\(\s*\"(\w+)\"", settings))

    explained = set(re.findall(r"^#(\w+)=", (CHECKOUT / ".env.example").read_text(), re.MULTILINE))

    assert len(read) > 10
    assert read - explained == set()
