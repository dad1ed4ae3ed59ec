"""Records that one side refuses: put aside with the reason, so that they block nothing, and tried again when a person says so."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import F
from django.utils import timezone

from accounts.actors import Actor
from accounts.auditing import record as audit
from accounts.roles import Ability, require
from accounts.tenancy import TenantQuerySet
from integrations.crm.errors import ConnectorError
from integrations.models import Connection, DeadLetter, ExternalRecord
from integrations.syncing import outbox

if TYPE_CHECKING:
    from integrations.syncing.opening import Desk

Direction = DeadLetter.Direction


@dataclass(frozen=True)
class Place:
    """Which record, on its way where. Coming in it is named by its id there, going out by the profile."""

    connection: Connection
    direction: str
    object_type: str
    external_id: str = ""
    profile_id: int | None = None

    def letters(self) -> TenantQuerySet[DeadLetter]:
        return DeadLetter.scoped().filter(
            connection=self.connection,
            direction=self.direction,
            object_type=self.object_type,
            external_id=self.external_id,
            profile=self.profile_id,
        )


def bury(place: Place, error: Exception) -> None:
    """Put a record aside; buried before, it is counted."""
    # What a connector says is meant to be read; anything else is named by its kind.
    said = (str(error) if isinstance(error, ConnectorError) else f"{type(error).__name__}: {error}")[:300].replace("\x00", "")
    if place.letters().update(attempts=F("attempts") + 1, error=said, tried_at=timezone.now()):
        return
    letter = DeadLetter(
        connection=place.connection,
        direction=place.direction,
        object_type=place.object_type,
        external_id=place.external_id,
        profile_id=place.profile_id,
        error=said,
    )
    DeadLetter.objects.bulk_create([letter], ignore_conflicts=True)


def dig_up(place: Place) -> None:
    """It went through: nothing is left to try again."""
    place.letters().delete()


def ask_again(*, letter: DeadLetter, by: Actor) -> None:
    """Try the record again, by a worker. Raises ``PermissionDenied``."""
    from accounts.queueing import enqueue
    from integrations.syncing.tasks import read_again

    require(by, Ability.MANAGE_CHANNELS)
    audit(actor=by, action="connection.replay", target=letter.connection, direction=letter.direction)
    if letter.direction == Direction.OUT and letter.profile_id is not None:
        record = ExternalRecord.scoped().filter(connection=letter.connection, profile=letter.profile_id, state="live").first()
        outbox.ask(connection_id=letter.connection_id, profile_id=letter.profile_id, record_id=record.pk if record else None)
    else:
        enqueue(read_again, account_id=letter.account_id, letter_id=letter.pk)


def read_and_take(*, desk: "Desk", letter: DeadLetter) -> None:
    """Read the record that was refused as it is now, and take it. Refused again, it is counted."""
    from integrations.syncing.pulling import take_or_bury

    remote = desk.connector.read(letter.external_id)
    if remote is None:
        letter.delete()
        return
    take_or_bury(desk=desk, remote=remote)
