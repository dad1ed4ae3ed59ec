"""Templates that a provider has approved, as the administrator lists them on a channel: what a closed window still allows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from accounts.models import Channel

_PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True)
class MessageTemplate:
    """One template; ``places`` are the places of its body that want a value, in order: '1', '2' … or names."""

    name: str
    language: str
    body: str

    @property
    def key(self) -> str:
        return f"{self.name}|{self.language}"

    @property
    def places(self) -> list[str]:
        return places_of(self.body)


def places_of(body: str) -> list[str]:
    """The places of a template's body that want a value, in order: '1', '2' … or names."""
    return list(dict.fromkeys(_PLACE.findall(body)))


def fill(body: str, values: Sequence[str]) -> str:
    """The body as the receiver reads it. A place without a value stays as it is."""
    by_place = dict(zip(places_of(body), values, strict=False))
    return _PLACE.sub(lambda match: by_place.get(match.group(1), match.group(0)), body)


def templates_of(channel: Channel) -> list[MessageTemplate]:
    """The channel's templates; none where its provider has no such thing."""
    return [MessageTemplate(row["name"], row["language"], row["body"]) for row in channel.settings.get("templates") or []]


def template_of(channel: Channel, key: str) -> MessageTemplate | None:
    """The template with this ``key``, if the channel has it."""
    return next((template for template in templates_of(channel) if template.key == key), None)
