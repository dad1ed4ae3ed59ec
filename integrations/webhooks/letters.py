"""What may go wrong with a letter to the owner of a subscription."""


class LetterNotSent(Exception):
    """The mail server did not take it; it may be tried again."""
