"""One word for what was destroyed on purpose."""


class Gone(Exception):
    """It was here, and was erased: pages and the API answer 410."""
