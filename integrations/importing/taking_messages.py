"""A lot of another inbox's messages: whose each conversation is, which of ours it is, and what is new in it."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from django.db.models.functions import Lower

from accounts.models import Channel, Membership
from accounts.writing_rows import write_rows
from contacts.models import Profile
from inbox.models import Direction, Strand
from inbox.past_messages import hold_strands, open_past, write_past
from integrations.importing.reading_messages import MessageRow
from integrations.importing.reading_people import PersonRow
from integrations.importing.rows import Reason
from integrations.importing.taking_people import REJECTED, UNCHANGED, Taken, take_people
from integrations.models.imports import Import, ImportedRow

Outcome = ImportedRow.Outcome
# A conversation that the import opens, counted beside its messages.
OPENED = "opened"
# What other inboxes call our kinds of channels; anything else is gone on with on the account's first channel.
KIND_WORDS = {
    "mail": "email",
    "e-mail": "email",
    "correo": "email",
    "web": "webchat",
    "chat": "webchat",
    "web chat": "webchat",
    "livechat": "webchat",
    "ig": "instagram",
    "wa": "whatsapp",
    "whatsapp business": "whatsapp",
}


def take_messages(imported: Import, rows: Sequence[MessageRow]) -> list[Taken]:
    """Take the rows in, inside the caller's transaction. A message that was taken in before, whatever became of it, changes nothing.

    What is given back names every message, and besides them the people and the conversations that are new.
    """
    known = set(ImportedRow.scoped().filter(key__in={row.key for row in rows}).values_list("key", flat=True))
    taken: list[Taken] = []
    waiting: list[MessageRow] = []
    for row in rows:
        if row.key in known:
            taken.append(Taken(row.number, UNCHANGED, _name(row)))
        else:
            known.add(row.key)
            waiting.append(row)
    known_strands = _strand_ids({row.group for row in waiting})
    channels = list(Channel.scoped().order_by("-is_active", "pk"))
    groups: dict[UUID, list[MessageRow]] = {}
    for row in waiting:
        groups.setdefault(row.group, []).append(row)
    new = {group: said for group, said in groups.items() if group not in known_strands}
    profiles, found, refused = _people_of(imported, new) if channels else ({}, [], dict.fromkeys(new, Reason.NO_CHANNEL))
    taken += found
    # After the locks on addresses and contacts that finding people takes, as everywhere.
    held = hold_strands(set(known_strands.values()))
    strands = {group: held[strand_id] for group, strand_id in known_strands.items()}
    for group, profile in profiles.items():
        said = groups[group]
        subject = next((row.said.subject for row in said if row.said.subject), "")
        strand = open_past(profile=profile, channel=_channel(said, channels), subject=subject, at=min(row.said.occurred_at for row in said))
        strands[group] = strand
        taken.append(Taken(said[0].number, OPENED, _name(said[0]), profile.contact_id, mark=group))
    for group, reason in refused.items():
        taken += [Taken(row.number, REJECTED, _name(row), reason=reason, mark=group) for row in groups.pop(group)]
    taken += _write(imported, groups, strands)
    return sorted(taken, key=lambda each: each.number)


def _strand_ids(groups: set[UUID]) -> dict[UUID, int]:
    """The strand that earlier messages of each conversation are on."""
    rows = ImportedRow.scoped().filter(group__in=groups, message__isnull=False).order_by("group", "-pk").distinct("group")
    return {group: strand_id for group, strand_id in rows.values_list("group", "message__strand_id") if group is not None}


def _people_of(imported: Import, groups: dict[UUID, list[MessageRow]]) -> tuple[dict[UUID, Profile], list[Taken], dict[UUID, Reason]]:
    """The profile of each conversation's person; what became of those who are new; and the conversations that are nobody's."""
    people = {group: person for group, said in groups.items() if (person := _person_of(said)) is not None}
    refused = {group: Reason.NOTHING_TO_KNOW for group in groups if group not in people}
    asked: dict[UUID, PersonRow] = {}
    for person in people.values():
        asked.setdefault(person.key, person)
    outcomes = dict(zip(asked, take_people(imported, list(asked.values())), strict=True))
    rows = ImportedRow.scoped().filter(key__in=asked, profile__erased_at=None).exclude(profile=None)
    by_key = {row.key: row.profile for row in rows.select_related("profile").order_by("pk")}
    profiles: dict[UUID, Profile] = {}
    for group, person in people.items():
        profile = by_key.get(person.key)
        if outcomes[person.key].outcome == REJECTED or profile is None:
            refused[group] = outcomes[person.key].reason or Reason.ERASED
        else:
            profiles[group] = profile
    told = [replace(each, mark=key) for key, each in outcomes.items() if each.outcome not in (REJECTED, UNCHANGED)]
    return profiles, told, refused


def _person_of(said: Sequence[MessageRow]) -> PersonRow | None:
    """Whom the conversation is with: what the other side's own messages say goes first, and whoever has an address before a name."""
    named = [(row, row.person) for row in said if row.person is not None]
    if not named:
        return None
    theirs = [person for row, person in named if row.said.direction == Direction.IN] + [person for _row, person in named]
    chosen = next((person for person in theirs if person.claim.identifiers), theirs[0])
    name = next((name for person in theirs if (name := person.claim.given.get("name"))), "")
    claim = replace(chosen.claim, given={"name": name} if name else {})
    return replace(chosen, claim=claim, occurred_at=min(row.said.occurred_at for row in said))


def _channel(said: Sequence[MessageRow], channels: Sequence[Channel]) -> Channel:
    words = [row.said.said_on.strip().lower() for row in said if row.said.said_on.strip()]
    kind = KIND_WORDS.get(words[0], words[0]) if words else ""
    return next((channel for channel in channels if channel.kind == kind), channels[0])


def _write(imported: Import, groups: dict[UUID, list[MessageRow]], strands: dict[UUID, Strand]) -> list[Taken]:
    members = _members({row.agent_email for said in groups.values() for row in said if row.agent_email})
    by_strand: dict[int, list[MessageRow]] = {}
    for group, said in groups.items():
        by_strand.setdefault(strands[group].pk, []).extend(said)
    for said in by_strand.values():
        said.sort(key=lambda row: row.said.occurred_at)
    written = write_past(
        {pk: [replace(row.said, author=members.get(row.agent_email)) for row in said] for pk, said in by_strand.items()},
        strands={strand.pk: strand for strand in strands.values()},
        cause=f"import:{imported.pk}",
    )
    pairs = [pair for pk, said in by_strand.items() for pair in zip(said, written[pk], strict=True)]
    write_rows(
        [
            ImportedRow(
                imported=imported,
                number=row.number,
                key=row.key,
                digest=row.key,
                group=row.group,
                message=message,
                profile_id=strands[row.group].profile_id,
                outcome=Outcome.FILED,
            )
            for row, message in pairs
        ]
    )
    return [Taken(row.number, Outcome.FILED, _name(row), mark=row.key) for row, _message in pairs]


def _members(emails: set[str]) -> dict[str, Membership]:
    if not emails:
        return {}
    found = Membership.scoped().annotate(email=Lower("user__email")).filter(email__in=emails).select_related("user")
    return {member.user.email.lower(): member for member in found}


def _name(row: MessageRow) -> str:
    return row.person.claim.given.get("name", "") if row.person else ""
