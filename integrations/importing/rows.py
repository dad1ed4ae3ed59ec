"""A row of a file as it stands there, before anybody knows what its columns mean; and why a row or a file is refused."""

from dataclasses import dataclass
from enum import StrEnum

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _


class Reason(StrEnum):
    """Why a row is not taken in. The words are in ``WORDS``; rows that were refused keep the code."""

    TOO_MANY_CELLS = "too_many_cells"
    BROKEN_QUOTES = "broken_quotes"
    TOO_LONG = "too_long"
    BROKEN_TEXT = "broken_text"
    BROKEN_CARD = "broken_card"
    EXCEL_ERROR = "excel_error"
    EMPTY = "empty"
    NOTHING_TO_KNOW = "nothing_to_know"
    SHORTENED_NUMBER = "shortened_number"
    BAD_EMAIL = "bad_email"
    BAD_PHONE = "bad_phone"
    BAD_VALUE = "bad_value"
    BAD_DATE = "bad_date"
    BAD_WORD = "bad_word"
    MISSING = "missing"
    ERASED = "erased"
    KEY_TWICE = "key_twice"
    UNKNOWN_CHANNEL = "unknown_channel"
    NO_CHANNEL = "no_channel"
    FROM_THE_FUTURE = "from_the_future"
    NOT_TAKEN = "not_taken"
    FAILED = "failed"


WORDS = {
    Reason.TOO_MANY_CELLS: _("The row has more cells than the header."),
    Reason.BROKEN_QUOTES: _("A quotation mark is open and never closed, or text follows a closed one."),
    Reason.TOO_LONG: _("A cell is longer than a spreadsheet allows."),
    Reason.BROKEN_TEXT: _("It holds bytes that are no text in the file's encoding."),
    Reason.BROKEN_CARD: _("The card cannot be read."),
    Reason.EXCEL_ERROR: _("A formula of the spreadsheet failed here."),
    Reason.EMPTY: _("The row is empty."),
    Reason.NOTHING_TO_KNOW: _("There is neither a name nor an address to know the person by."),
    Reason.SHORTENED_NUMBER: _("The spreadsheet shortened this number and its last digits are lost: format the column as text."),
    Reason.BAD_EMAIL: _("This is no email address."),
    Reason.BAD_PHONE: _("This is no phone number of any country, or its country is missing."),
    Reason.BAD_VALUE: _("This value cannot be read."),
    Reason.BAD_DATE: _("The date cannot be read without a guess: write it as 2026-03-31."),
    Reason.BAD_WORD: _("This word is not known here."),
    Reason.MISSING: _("A value that every row needs is missing."),
    Reason.ERASED: _("The person had their data erased."),
    Reason.KEY_TWICE: _("Another row of the file has the same id."),
    Reason.UNKNOWN_CHANNEL: _("The account has no such channel."),
    Reason.NO_CHANNEL: _("The account has no channel yet on which the conversation could be gone on with."),
    Reason.FROM_THE_FUTURE: _("The message is from the future."),
    Reason.NOT_TAKEN: _("Nobody here has the address, or the purpose, the time or the notice of the consent is missing."),
    Reason.FAILED: _("It could not be stored."),
}


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row; ``number`` is where a person finds it: the line of a text file, the row of a sheet, the count of a card.

    With a ``problem`` the row was broken before its cells could be told apart; ``cells`` hold what could be kept of it.
    """

    number: int
    cells: tuple[str, ...]
    problem: Reason | None = None


class RowRefused(Exception):
    """One row is not taken in. ``column`` is the heading of the cell in question, ``value`` what stood there."""

    def __init__(self, reason: Reason, *, column: str = "", value: str = "") -> None:
        super().__init__(reason)
        self.reason, self.column, self.value = reason, column, value


class FileRefused(ValidationError):
    """The whole file is not taken in; the message says why and what would help."""
