"""Domain events that rooms to the left listen to. Each is sent inside the transaction of the change."""

from django.dispatch import Signal

# profile_ids: list[int] that changed contact in a separation; event: MergeEvent. Receivers keep their own rows consistent
# (a conversation woven of profiles that now belong to different contacts is split).
profiles_moved = Signal()

# contact_ids: list[int] whose computed fields, identifiers or profiles changed. Receivers tell open screens after commit.
contacts_changed = Signal()
