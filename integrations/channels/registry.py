"""The explicit list of channels."""


def register_all() -> None:
    """Fill the inbox's registry; called once when the apps are ready."""
