"""Connect another system, change how it is kept in step, pause it. The admin's pages are doors to these functions."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import auditing
from accounts.actors import Actor
from accounts.queueing import enqueue
from accounts.roles import Ability, require
from integrations.crm.contract import Connector, ConnectorError
from integrations.crm.registry import CONNECTORS, connector_of
from integrations.models import Connection, SyncOutbox
from integrations.models import Mapping as MappingRow
from integrations.syncing.letting_go import let_go
from integrations.syncing.opening import connector_for

NAME_LENGTH = 80
SETTING_LENGTH = 2000
State = Connection.State


@transaction.atomic
def connect(*, kind: str, name: str, settings: Mapping[str, str], by: Actor) -> Connection:
    """Make a connection with the mapping that its kind suggests. It asks for nothing before the first back-fill.

    Raises ``PermissionDenied``, and ``ValidationError`` keyed by ``kind``, ``name`` or the setting.
    """
    require(by, Ability.MANAGE_CHANNELS)
    if kind not in CONNECTORS:
        raise ValidationError({"kind": _("There is no such kind of system.")})
    connector = connector_of(kind)
    public, secret = _read(connector, settings, known={})
    connection = Connection.objects.create(
        kind=kind, name=_clean_name(name), settings=public, credentials=secret, poll_seconds=connector.poll_seconds
    )
    for rule in connector.suggested_mapping:
        MappingRow.objects.create(
            connection=connection,
            ours=rule.ours,
            remote=rule.remote,
            type=rule.type,
            is_several=rule.is_several,
            direction=rule.direction,
            policy=rule.policy,
        )
    auditing.record(actor=by, action="connection.connect", target=connection, kind=kind, name=connection.name)
    return connection


@transaction.atomic
def update(*, connection: Connection, name: str, settings: Mapping[str, str], wishes: Mapping[str, Any], by: Actor) -> Connection:
    """Change name, settings and wishes (``creates_there``, ``merges_there``, ``erases_there``, ``on_deletion``, ``poll_seconds``). A
    secret that is given empty stays, unless the address leads to another server now. Raises as ``connect`` does."""
    require(by, Ability.MANAGE_CHANNELS)
    row = Connection.objects.select_for_update().get(pk=connection.pk)
    secrets: dict[str, Any] = row.credentials
    public, secret = _read(connector_of(row.kind), settings, known=secrets, given_for=_server(row.settings.get("url")))
    before = {**row.settings, **secrets}
    changed = sorted(key for key, value in {**public, **secret}.items() if before.get(key) != value)
    row.name, row.settings, row.credentials = _clean_name(name), public, {**_still_good(row, public, secret), **secret}
    for wish, value in wishes.items():
        if getattr(row, wish) != value:
            setattr(row, wish, value)
            changed.append(wish)
    if "poll_seconds" in changed:
        row.next_pull_at = timezone.now()
    if row.state == State.MISCONFIGURED:
        # Something was put right, perhaps; the next call says so if it was not.
        row.state, row.problem, row.next_pull_at = State.WORKING, "", timezone.now()
    row.save()
    auditing.record(actor=by, action="connection.update", target=row, changed=changed)
    wake(row)
    return row


@transaction.atomic
def pause(*, connection: Connection, paused: bool, by: Actor) -> None:
    """Paused, nothing goes either way; what changes meanwhile waits in the outbox and at the cursor."""
    require(by, Ability.MANAGE_CHANNELS)
    Connection.scoped().filter(pk=connection.pk).update(paused=paused, next_pull_at=timezone.now())
    auditing.record(actor=by, action="connection.pause" if paused else "connection.resume", target=connection)
    if not paused:
        wake(connection)


@transaction.atomic
def release_brake(*, connection: Connection, by: Actor) -> None:
    """A person looked, and it is meant: the next run may change as much as it finds."""
    require(by, Ability.MANAGE_CHANNELS)
    Connection.scoped().filter(pk=connection.pk, state=State.BRAKED).update(
        state=State.WORKING, problem="", brake_lifted=True, next_pull_at=timezone.now()
    )
    auditing.record(actor=by, action="connection.release_brake", target=connection)
    wake(connection)


@transaction.atomic
def disconnect(*, connection: Connection, by: Actor) -> None:
    """Forget the connection, its credentials and its links. What was taken in stays with the people, and nothing is deleted there.

    What we were let in with is withdrawn there afterwards, by a worker.
    """
    require(by, Ability.MANAGE_CHANNELS)
    row = Connection.objects.select_for_update().get(pk=connection.pk)
    auditing.record(actor=by, action="connection.disconnect", target=row, name=row.name)
    let_go(row)
    row.delete()


def check(*, connection: Connection, by: Actor) -> list[str]:
    """Try the connection: what does not work, in words. Takes as long as the other side does; no transaction is open meanwhile.

    Lines of the mapping whose property is not there rest until it is; the others go on.
    """
    require(by, Ability.MANAGE_CHANNELS)
    connector = connector_for(connection)
    try:
        connector.check()
        properties = {each.name for each in connector.describe()}
    except ConnectorError as error:
        return [str(error)]
    Connection.scoped().filter(pk=connection.pk, state__in=[State.MISCONFIGURED, State.FAILING]).update(
        state=State.WORKING, problem="", failures=0, next_pull_at=timezone.now()
    )
    problems = []
    for row in MappingRow.scoped().filter(connection=connection).order_by("pk"):
        missing = bool(properties) and row.remote not in properties
        problem = _("There is no property %(name)s there.") % {"name": row.remote} if missing else ""
        if problem:
            problems.append(problem)
        if problem != row.problem:
            MappingRow.scoped().filter(pk=row.pk).update(problem=problem)
    return problems


def wake(connection: Connection) -> None:
    """Let everything that waits for this connection go on now."""
    from integrations.syncing.tasks import ask_for_changes

    SyncOutbox.scoped().filter(connection=connection).update(due_at=timezone.now())
    enqueue(ask_for_changes, account_id=connection.account_id, connection_id=connection.pk)


def _still_good(row: Connection, public: Mapping[str, Any], secret: Mapping[str, Any]) -> dict[str, Any]:
    """Sessions and tokens that the connector keeps for itself. They go when a setting changes that they were given for."""
    held: Any = row.credentials
    before, now, connector = {**row.settings, **held}, {**public, **secret}, connector_of(row.kind)
    oauth = connector.oauth(before)
    binding = oauth.bound_to if oauth else tuple(now)
    is_same = all(before.get(name, "") == now.get(name, "") for name in binding)
    return {name: value for name, value in held.items() if name not in now} if is_same else {}


def _clean_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > NAME_LENGTH or "\x00" in name:
        raise ValidationError({"name": _("Give a name of 1 to %(limit)s characters.") % {"limit": NAME_LENGTH}})
    return name


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and text.isprintable()
    except ValueError:
        return False


def _server(url: Any) -> tuple[str, ...]:
    """Where an address leads: how, and to whom."""
    try:
        return tuple(urlsplit(str(url or "").strip().lower())[:2])
    except ValueError:
        return ()


def _read(
    connector: type[Connector], settings: Mapping[str, str], *, known: Mapping[str, Any], given_for: tuple[str, ...] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is public and what is secret. ``known`` are the secrets that were given for that server: they go to no other."""
    is_elsewhere = bool(known) and _server(settings.get("url")) != given_for
    errors: dict[str, str] = {}
    public: dict[str, Any] = {}
    secret: dict[str, Any] = {}
    for field in connector.setting_fields:
        value = str(settings.get(field.name, "") or "").strip()
        if field.is_secret and not value:
            value = str(known.get(field.name, ""))
            if value and is_elsewhere:
                errors[field.name] = _("The address is another one now: give this again.")
                continue
        if field.is_required and not value:
            errors[field.name] = _("This is needed.")
        elif len(value) > SETTING_LENGTH or "\x00" in value:
            errors[field.name] = _("This is too long.")
        elif field.name == "url" and not _is_address(value):
            errors[field.name] = _("Write an address that begins with https://.")
        (secret if field.is_secret else public)[field.name] = value
    if errors:
        raise ValidationError(errors)
    return public, secret
