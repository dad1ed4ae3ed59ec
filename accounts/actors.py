"""Who acts: a person, a person's API token, a bot, a rule, or the system."""

from dataclasses import dataclass

from accounts.models import Membership
from accounts.roles import Ability


@dataclass(frozen=True)
class Actor:
    """The author of a change, as written into audit entries, merge events and messages."""

    kind: str  # person | api | bot | rule | system
    name: str
    membership: Membership | None = None

    @classmethod
    def person(cls, membership: Membership) -> "Actor":
        return cls(kind="person", name=str(membership.user), membership=membership)

    @classmethod
    def api(cls, membership: Membership, token_name: str = "") -> "Actor":
        return cls(kind="api", name=token_name or str(membership.user), membership=membership)

    def may(self, ability: Ability | str) -> bool:
        """People may what their role says; bots, rules and the system act inside code that was allowed to run."""
        return self.membership is None or self.membership.may(ability)


SYSTEM = Actor(kind="system", name="Hilo")
UNIFIED_RULE = Actor(kind="rule", name="unified")
BOT = Actor(kind="bot", name="bot")
