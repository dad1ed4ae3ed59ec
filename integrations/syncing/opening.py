"""Everything that a piece of work on one connection needs: the connector, the mapping, the budget."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.actors import Actor
from accounts.models import Account
from accounts.scope import current_account_id
from integrations.crm.contract import Connector
from integrations.crm.registry import connector_of
from integrations.crm.wire import Wire
from integrations.models import Connection
from integrations.models import Mapping as MappingRow
from integrations.syncing.rate_budget import Budget
from integrations.syncing.translating import Rule, rule_of


@dataclass(frozen=True)
class Desk:
    """One connection, ready to be worked on. ``region`` reads phone numbers without a prefix."""

    connection: Connection
    connector: Connector
    rules: tuple[Rule, ...]
    region: str

    @property
    def object_type(self) -> str:
        return self.connector.object_type

    @property
    def cause(self) -> str:
        return f"crm:{self.connection.pk}"

    @property
    def actor(self) -> Actor:
        """Who did what comes from there."""
        return Actor(kind="system", name=self.connection.name)


def open_desk(connection: Connection, *, is_back_fill: bool = False) -> Desk:
    """Three queries, no call."""
    rows = MappingRow.scoped().filter(connection=connection, problem="").order_by("pk")
    return Desk(
        connection=connection,
        connector=connector_for(connection, is_back_fill=is_back_fill, mapped=[row.remote for row in rows]),
        rules=tuple(rule_of(row) for row in rows),
        region=Account.objects.only("default_region").get(pk=current_account_id()).default_region,
    )


def connector_for(connection: Connection, *, is_back_fill: bool = False, mapped: Sequence[str] = ()) -> Connector:
    """The connector with the connection's settings and secrets, its calls within the shared budget. ``mapped``: the properties wanted."""
    kind = connector_of(connection.kind)
    said = settings_of(connection)
    budget = Budget(kind=kind.kind, remote_account=kind.remote_account(said), rate=kind.rate, is_back_fill=is_back_fill)
    return kind({**said, "mapped": mapped}, Wire(spend=budget.spend, hold=budget.hold, renew=_renewing(connection.pk)))


def settings_of(connection: Connection) -> dict[str, Any]:
    """Settings and secrets."""
    secrets: Any = connection.credentials
    return with_app(connection.kind, {**connection.settings, **secrets})


def with_app(kind: str, own: dict[str, Any]) -> dict[str, Any]:
    """Where the settings name no client of their own for signing in at the vendor, the installation's besides."""
    oauth = connector_of(kind).oauth(own)
    if oauth is None or own.get("client_id") or not oauth.is_at_vendor:
        return own
    return own | settings.OAUTH_CLIENTS.get(kind, {})


def _renewing(connection_id: int) -> Callable[..., Mapping[str, Any]]:
    def renew(refused: Mapping[str, Any], ask: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Mapping[str, Any]:
        """New credentials for the refused ones; whoever comes second is given what the first one got."""
        with transaction.atomic():
            row = Connection.objects.select_for_update().get(pk=connection_id)
            held: Any = row.credentials
            if any(held.get(name) != value for name, value in refused.items()):
                known: dict[str, Any] = held
                return known
            renewed = {**held, **ask(held)}
            row.credentials = renewed
            row.save(update_fields=["credentials"])
            return renewed

    return renew
