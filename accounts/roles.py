"""Roles and what each may do: one table, read by views, API, sockets and templates."""

from typing import Protocol

from django.core.exceptions import PermissionDenied
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Role(TextChoices):
    AGENT = "agent", _("Agent")
    SUPERVISOR = "supervisor", _("Supervisor")
    ADMIN = "admin", _("Administrator")


class Ability(TextChoices):
    """What a route or an action asks for."""

    WORK_CONVERSATIONS = "work_conversations"  # read, answer, assign, note, resolve
    EDIT_CONTACTS = "edit_contacts"  # correct a field, add an identifier
    SEPARATE_CONTACTS = "separate_contacts"  # the agent's one-key "not the same person"
    MERGE_CONTACTS = "merge_contacts"  # merge, unmerge, mark as shared
    MANAGE_CHANNELS = "manage_channels"
    MANAGE_ACCOUNT = "manage_account"  # settings, unification, tokens
    MANAGE_MEMBERS = "manage_members"
    READ_AUDIT = "read_audit"
    RECORD_CONSENT = "record_consent"  # write down what a person said about being written to
    IMPORT_PEOPLE = "import_people"  # take in a file of people, and undo it
    EXPORT_PEOPLE = "export_people"  # take everything that is known of a person out of the house
    ERASE_PEOPLE = "erase_people"  # destroy what is known of a person: nothing brings it back
    MANAGE_CONSENT = "manage_consent"  # purposes, notices, country rules, suppressions


_AGENT = {Ability.WORK_CONVERSATIONS, Ability.EDIT_CONTACTS, Ability.SEPARATE_CONTACTS, Ability.RECORD_CONSENT}
_SUPERVISOR = _AGENT | {Ability.MERGE_CONTACTS, Ability.READ_AUDIT, Ability.IMPORT_PEOPLE}
_ADMIN = _SUPERVISOR | {
    Ability.MANAGE_CHANNELS,
    Ability.MANAGE_ACCOUNT,
    Ability.MANAGE_MEMBERS,
    Ability.MANAGE_CONSENT,
    Ability.EXPORT_PEOPLE,
    Ability.ERASE_PEOPLE,
}
ABILITIES: dict[str, set[Ability]] = {
    Role.AGENT: _AGENT,
    Role.SUPERVISOR: _SUPERVISOR,
    Role.ADMIN: _ADMIN,
}


def may(role: str, ability: Ability | str) -> bool:
    """Whether the role has the ability; an unknown role has none."""
    return ability in ABILITIES.get(role, set())


class HasAbilities(Protocol):
    """Whoever acts: a membership, or an actor that is no person (the bot, a rule, the system)."""

    def may(self, ability: Ability | str) -> bool: ...


def require(actor: HasAbilities, ability: Ability | str) -> None:
    """Raise ``PermissionDenied`` (answered 403) unless the actor has the ability."""
    if not actor.may(ability):
        raise PermissionDenied(f"{actor} may not {ability}")
