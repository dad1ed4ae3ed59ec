"""One word for every part of the house that may have to give way."""


class Busy(Exception):
    """Others were at the same rows again and again while we waited. Nothing was changed: the same request may work in a moment."""

    wait = 1  # second
