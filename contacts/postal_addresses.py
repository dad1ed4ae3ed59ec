"""Postal addresses split into their parts, with the abbreviations folded, for comparing only: what is shown is what was given."""

import re
from dataclasses import dataclass

from contacts.searching import plain

# Written short or in full, they say the same; "calle" says nothing.
STREET_WORDS = {
    **dict.fromkeys(("av", "ave", "avda", "avd", "aven", "avenida", "avenue"), "avenida"),
    **dict.fromkeys(("c", "cl", "calle", "street", "st", "rua", "r"), ""),
    **dict.fromkeys(("cra", "cr", "kra", "kr", "carrera"), "carrera"),
    **dict.fromkeys(("pje", "psje", "pasaje", "psj"), "pasaje"),
    **dict.fromkeys(("pza", "plz", "plaza", "pl"), "plaza"),
    **dict.fromkeys(("blvd", "blv", "bvar", "boulevard", "bulevar"), "bulevar"),
    **dict.fromkeys(("dg", "diag", "diagonal"), "diagonal"),
    **dict.fromkeys(("tv", "trans", "transv", "transversal"), "transversal"),
    **dict.fromkeys(("crta", "ctra", "carretera"), "carretera"),
    **dict.fromkeys(("jr", "jiron"), "jiron"),
    **dict.fromkeys(("gral", "general"), "general"),
    **dict.fromkeys(("sta", "santa"), "santa"),
    **dict.fromkeys(("sto", "santo"), "santo"),
    **dict.fromkeys(("s", "san"), "san"),
    **dict.fromkeys(("dr", "doctor"), "doctor"),
    **dict.fromkeys(("pdte", "pte", "presidente"), "presidente"),
    **dict.fromkeys(("no", "nro", "num", "numero", "nº", "n"), ""),
}
UNIT = re.compile(
    r"\b(?:depto|dpto|dep|departamento|apto|apt|apartamento|of|oficina|piso|casa|torre|block|bloque|int|interior)\b\.?\s*(.*)$"
)
POSTCODE = re.compile(r"\b(?:cp\.?\s*|c\.p\.\s*)?([a-z]?\d{4}[a-z]{3}|\d{5}-?\d{3}|\d{7}|\d{4,6})\b")
NUMBER_MARK = re.compile(r"\bn\s*[.\u00ba\u00b0]+\s*(?=\d)|\bn[ro]*[.\u00ba\u00b0o]*\s+(?=\d)|#\s*")
COUNTRIES = {
    "argentina": "AR",
    "brasil": "BR",
    "brazil": "BR",
    "chile": "CL",
    "colombia": "CO",
    "ecuador": "EC",
    "espana": "ES",
    "spain": "ES",
    "mexico": "MX",
    "peru": "PE",
    "uruguay": "UY",
}


@dataclass(frozen=True)
class PostalAddress:
    """Folded parts; an empty string where the text does not say. ``country`` is ISO 3166."""

    street: str = ""
    number: str = ""
    unit: str = ""
    city: str = ""
    region: str = ""
    postcode: str = ""
    country: str = ""

    @property
    def key(self) -> str:
        """Equal keys may be one house; empty where the text names none. Flats of one house have one key."""
        place = self.postcode or self.city
        return f"{self.street}|{self.number}|{place}" if self.street and self.number and place else ""


def split_address(text: str) -> PostalAddress:
    """The parts of an address written in one line, in the order of Latin America and Spain: street number, unit, city, region."""
    pieces = [piece for piece in (" ".join(part.split()) for part in re.split(r"[,;\n]", plain(text))) if piece]
    country = ""
    if pieces and pieces[-1] in COUNTRIES:
        country = COUNTRIES[pieces.pop()]
    if not pieces:
        return PostalAddress(country=country)
    first, *rest = pieces
    unit = ""
    if match := UNIT.search(first):
        unit, first = match.group(1), first[: match.start()].strip()
    street, number = _street_and_number(first)
    if not number and rest and re.fullmatch(r"(?:n\W*)?\d+[a-z]?", rest[0]):
        number = re.sub(r"\D", "", rest.pop(0))
    places = []
    postcode = ""
    for piece in rest:
        match = UNIT.match(piece)
        if match and not unit:
            unit = match.group(1)
            continue
        if not postcode and (found := POSTCODE.search(piece)):
            postcode = found.group(1).replace("-", "")
            piece = (piece[: found.start()] + piece[found.end() :]).strip()
        if piece:
            places.append(_words(piece))
    city, region = (*places, "", "")[:2]
    return PostalAddress(street, number, _words(unit), city, region, postcode, country)


def fold_street(text: str) -> str:
    """A street's name for comparing: no accents, abbreviations written in full, words that say nothing left out."""
    words = [STREET_WORDS.get(word, word) for word in re.findall(r"[^\W_]+", plain(text))]
    # Folding the whole text must not make a word of nothing.
    return " ".join(word for word in words if word) or _words(text)


def _street_and_number(text: str) -> tuple[str, str]:
    text = NUMBER_MARK.sub(" ", text)
    # A Colombian number is a crossing and a distance: "cra 7 # 12-34".
    if match := re.fullmatch(r"(\D*\d+\s*[a-z]?)\s+(\d+[a-z]?\s*-\s*\d+)", text.strip()):
        return fold_street(match.group(1)), re.sub(r"\s", "", match.group(2))
    if match := re.fullmatch(r"(.*\D)\s*\b(\d{1,6})\s*[a-z]?", text.strip()):
        return fold_street(match.group(1)), match.group(2)
    return fold_street(text), ""


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", plain(text)))
