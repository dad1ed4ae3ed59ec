"""The group that every open tab of a visitor listens to: kinds only, the socket reads the rest itself."""

import functools

from django.db import transaction

from inbox.live_updates import tell_group


def visitor_group(visitor_pk: int) -> str:
    return f"visitor.{visitor_pk}"


def tell_visitor(visitor_pk: int, kind: str) -> None:
    """After commit, wake the visitor's sockets. Kinds: ``lines`` (messages were added)."""
    transaction.on_commit(functools.partial(tell_group, visitor_group(visitor_pk), {"type": "visitor.update", "kind": kind}))
