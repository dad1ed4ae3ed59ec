"""What people say about a value itself: shared by several persons, or identifying nobody."""

from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.auditing import record
from accounts.models import Channel
from accounts.roles import Ability, require
from contacts.announcements import contacts_changed
from contacts.blocked_values import is_blocked_by_default
from contacts.models import Identifier, ValueMark
from contacts.normalising import normal
from contacts.shared_values import queue_joins

Mark = ValueMark.Mark


def shared_key(identifier: Identifier) -> tuple[str, str]:
    """The value that a mark is set on: a WhatsApp id is marked as the phone it attests."""
    return phone_of_whatsapp(identifier.key) if identifier.kind == "whatsapp" else (identifier.kind, identifier.key)


def phone_of_whatsapp(key: str) -> tuple[str, str]:
    return "phone", f"+{key}"


@transaction.atomic
def mark_shared(*, identifier: Identifier, by: Actor, reason: str = "") -> ValueMark:
    """Say that several persons use the value: from now on it joins nobody by itself, and what it joined is reviewed. Idempotent.

    A value that was marked as identifying nobody stays so: that is the stricter mark.
    """
    require(by, Ability.SEPARATE_CONTACTS)
    kind, key = shared_key(identifier)
    mark, is_new = ValueMark.objects.get_or_create(
        kind=kind, key=key, defaults={"mark": Mark.SHARED, "reason": reason[:200] or _("Marked by %(name)s") % {"name": by.name}}
    )
    if is_new:
        record(actor=by, action="identifier.mark_shared", target=identifier, kind=kind, value=identifier.value)
        queue_joins(kind=kind, key=key)
        _tell(kind, key)
    return mark


@transaction.atomic
def mark_blocked(*, kind: str, key: str, by: Actor, reason: str = "") -> ValueMark:
    """Say that the value identifies nobody: it joins nobody, and nobody is asked about it. Takes the place of another mark."""
    require(by, Ability.MERGE_CONTACTS)
    mark, _is_new = ValueMark.objects.update_or_create(
        kind=kind,
        key=key,
        defaults={"mark": Mark.BLOCKED, "reason": reason[:200] or _("Marked by %(name)s") % {"name": by.name}, "is_automatic": False},
    )
    record(actor=by, action="identifier.mark_blocked", target=mark, kind=kind, value=key)
    _tell(kind, key)
    return mark


def unmark(*, identifier: Identifier, by: Actor) -> None:
    """Take the mark back: the value may join again, from the next message or form that names it."""
    kind, key = shared_key(identifier)
    unmark_value(kind=kind, key=key, by=by)


@transaction.atomic
def unmark_value(*, kind: str, key: str, by: Actor) -> None:
    """The same of a value, whoever has it."""
    require(by, Ability.MERGE_CONTACTS)
    mark = ValueMark.scoped().filter(kind=kind, key=key).first()
    if mark is not None:
        record(actor=by, action="identifier.unmark", target=mark, kind=kind, value=key)
        mark.delete()
        _tell(kind, key)


def _tell(kind: str, key: str) -> None:
    holders = Identifier.scoped().filter(kind=kind, key=key).values_list("profile__contact_id", flat=True).distinct()
    contacts_changed.send(sender=ValueMark, contact_ids=sorted(holders))


def is_shared(keys: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of the keys that several persons use."""
    wanted = set(keys)
    if not wanted:
        return []
    rows = ValueMark.scoped().filter(mark=Mark.SHARED, key__in=[key for _kind, key in wanted])
    return [pair for pair in rows.values_list("kind", "key") if pair in wanted]


def marks_of(keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """(kind, key) → "shared" or "blocked", for those of the keys that carry a mark or are on the shipped list. One query."""
    wanted = set(keys)
    if not wanted:
        return {}
    marks = {(kind, key): str(Mark.BLOCKED) for kind, key in wanted if is_blocked_by_default(kind=kind, key=key)}
    rows = ValueMark.scoped().filter(key__in=[key for _kind, key in wanted])
    return marks | {(kind, key): mark for kind, key, mark in rows.values_list("kind", "key", "mark") if (kind, key) in wanted}


def marks_on(keys: Iterable[tuple[str, str]], *, region: str) -> dict[tuple[str, str], str]:
    """The same, and the business's own addresses as "blocked". Two queries."""
    wanted = set(keys)
    if not wanted:
        return {}
    return dict.fromkeys(wanted & _own_addresses(region), str(Mark.BLOCKED)) | marks_of(wanted)


def _own_addresses(region: str) -> set[tuple[str, str]]:
    """The business's own mailboxes and numbers, which people quote and forms repeat."""
    own = set()
    for settings in Channel.scoped().values_list("settings", flat=True):
        for name, kind in (("address", "email"), ("display_phone_number", "phone")):
            value = normal(kind, str(settings.get(name) or ""), region=region)
            if value is not None:
                own.add((kind, value.key))
    return own
