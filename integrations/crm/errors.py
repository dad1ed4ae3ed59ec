"""What a connector may raise: three errors, and two special cases of the first."""


class ConnectorError(Exception):
    """The other system did not do what was asked. The text is shown to administrators: no secret, nobody's data."""


class Retry(ConnectorError):
    """It may work later. ``after``: seconds that the other system asks us to wait, 0 where it does not say."""

    def __init__(self, message: str, *, after: float = 0) -> None:
        super().__init__(message)
        self.after = after


class Stale(Retry):
    """Somebody changed the record since the version we know: read it again and compare again. Nothing was written."""


class AlreadyThere(Retry):
    """Another record there, ``external_id``, has what only one may have of what was to be made or written. Nothing was written."""

    def __init__(self, external_id: str) -> None:
        super().__init__("Another record there has this already")
        self.external_id = external_id


class Permanent(ConnectorError):
    """This record will not be taken as it is, however often it is sent."""


class Misconfigured(ConnectorError):
    """Nothing works until an administrator changes something: credentials, address, rights."""
