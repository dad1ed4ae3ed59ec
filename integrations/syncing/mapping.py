"""Change one line of a mapping: which way it goes, who wins, what an empty value means."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import auditing
from accounts.actors import Actor
from accounts.roles import Ability, require
from integrations.models import Connection, Mapping


@transaction.atomic
def change_line(*, line: Mapping, direction: str, policy: str, empty: str, by: Actor) -> Mapping:
    """Raises ``ValidationError`` for a word that is none, ``PermissionDenied``."""
    require(by, Ability.MANAGE_CHANNELS)
    if direction not in Mapping.Direction or policy not in Mapping.Policy or empty not in Mapping.Empty:
        raise ValidationError(_("Choose one of the answers."))
    row = Mapping.objects.select_for_update().select_related("connection").get(pk=line.pk)
    row.direction, row.policy, row.empty = direction, policy, empty
    row.save(update_fields=["direction", "policy", "empty"])
    Connection.scoped().filter(pk=row.connection_id).update(next_pull_at=timezone.now())
    auditing.record(actor=by, action="connection.mapping", target=row.connection, field=row.ours, direction=direction, policy=policy)
    return row
