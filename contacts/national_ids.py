"""National ids: which document of which country a number is, by its check digits.

The key names the document (``cl.rut:123456785``), because two documents of one person differ and only two different numbers of
one document contradict each other.
"""

import re
from collections.abc import Callable, Iterable

from stdnum.ar import cuit
from stdnum.ar import dni as dni_ar
from stdnum.br import cnpj, cpf
from stdnum.cl import rut as rut_cl
from stdnum.co import nit as nit_co
from stdnum.cr import cpf as cpf_cr
from stdnum.cu import ni
from stdnum.do import cedula
from stdnum.ec import ci
from stdnum.ec import ruc as ruc_ec
from stdnum.es import cif, nie
from stdnum.es import dni as dni_es
from stdnum.exceptions import InvalidChecksum, ValidationError
from stdnum.gt import nit as nit_gt
from stdnum.mx import curp, rfc
from stdnum.pe import cui
from stdnum.pe import ruc as ruc_pe
from stdnum.pt import cc as cc_pt
from stdnum.pt import nif
from stdnum.py import ruc as ruc_py
from stdnum.sv import nit as nit_sv
from stdnum.us import ssn
from stdnum.uy import rut as rut_uy
from stdnum.ve import rif

from contacts.normal_forms import NormalValue

LABEL = re.compile(
    r"^(?:rut|run|dni|cuit|cuil|cpf|cnpj|rfc|curp|cc|c\.c\.|nit|nie|nif|cif|ruc|rif|ci|c\.i\.|cedula|cédula|pasaporte|passport|ssn)"
    r"(?![a-z0-9])[\s.:°º#n-]*(?=[a-z0-9])",
    re.IGNORECASE,
)
# What no list of documents knows: a passport, an id of another country. It finds a person, and contradicts nothing.
OTHER = "other"


def _with_pattern(pattern: str, message: str = "") -> Callable[[str], str]:
    def validate(text: str) -> str:
        compact = re.sub(r"[\s.\-/]", "", text).upper()
        if not re.fullmatch(pattern, compact):
            raise ValidationError(message)
        return compact

    return validate


def _colombian_company(text: str) -> str:
    """Only where the check digit is set apart: a bare number is a person's, which has none."""
    if not re.search(r"-\s*\d$", text):
        raise ValidationError
    return str(nit_co.validate(text))


def _peruvian_person(text: str) -> str:
    """The check digit behind the eight is printed on the card and rarely given."""
    return str(cui.validate(text))[:8]


def _uruguayan_person(text: str) -> str:
    compact = _with_pattern(r"\d{7,8}")(text).zfill(8)
    total = sum(int(digit) * weight for digit, weight in zip(compact, (2, 9, 8, 7, 6, 3, 4), strict=False))
    if (10 - total % 10) % 10 != int(compact[-1]):
        raise InvalidChecksum
    return compact


# Region → document → validator: gives the compact number, or raises python-stdnum's ValidationError.
DOCUMENTS: dict[str, dict[str, Callable[[str], str]]] = {
    "AR": {"cuit": cuit.validate, "dni": dni_ar.validate},
    "BR": {"cpf": cpf.validate, "cnpj": cnpj.validate},
    "CL": {"rut": rut_cl.validate},
    "CO": {"nit": _colombian_company, "cc": _with_pattern(r"\d{6,10}")},
    "CR": {"cpf": cpf_cr.validate},
    "CU": {"ni": ni.validate},
    "DO": {"cedula": cedula.validate},
    "EC": {"ci": ci.validate, "ruc": ruc_ec.validate},
    "ES": {"dni": dni_es.validate, "nie": nie.validate, "cif": cif.validate},
    "GT": {"nit": nit_gt.validate},
    "MX": {"curp": curp.validate, "rfc": rfc.validate},
    "PE": {"dni": _peruvian_person, "ruc": ruc_pe.validate},
    "PT": {"nif": nif.validate, "cc": cc_pt.validate},
    "PY": {"ruc": ruc_py.validate},
    "SV": {"nit": nit_sv.validate},
    "US": {"ssn": ssn.validate},
    "UY": {"rut": rut_uy.validate, "ci": _uruguayan_person},
    "VE": {"rif": rif.validate, "ci": _with_pattern(r"[VE]\d{6,8}")},
}
# Long enough, and with check digits enough, to be known without the country being said.
UNMISTAKABLE = [("BR", "cpf"), ("BR", "cnpj"), ("AR", "cuit"), ("MX", "curp"), ("MX", "rfc"), ("ES", "dni"), ("ES", "nie"), ("CL", "rut")]
FORMATS: dict[tuple[str, str], Callable[[str], str]] = {
    ("CL", "rut"): rut_cl.format,
    ("AR", "cuit"): cuit.format,
    ("AR", "dni"): dni_ar.format,
    ("BR", "cpf"): cpf.format,
    ("BR", "cnpj"): cnpj.format,
    ("CO", "nit"): nit_co.format,
}


def read_national_id(text: str, region: str) -> NormalValue | None:
    """The document and its number. ``text`` is clean; ``region`` (ISO 3166) is asked first.

    ``None`` for what has the shape of one of the region's documents and a wrong check digit, and for what is no number at all.
    """
    text = LABEL.sub("", text, count=1).strip()
    if not re.fullmatch(r"[A-Za-z0-9.\-/ ]{4,40}", text):
        return None
    mistyped = False
    for document, validate in DOCUMENTS.get(region, {}).items():
        try:
            return _found(region, document, validate(text))
        except InvalidChecksum:
            mistyped = True
        except ValidationError:
            continue
    elsewhere = [found for place in UNMISTAKABLE if place[0] != region and (found := _try(*place, text))]
    if len(elsewhere) == 1:
        return elsewhere[0]
    compact = re.sub(r"[^A-Z0-9]", "", text.upper())
    if mistyped or not 5 <= len(compact) <= 20 or sum(c.isdigit() for c in compact) < 4:
        return None
    return NormalValue(compact, f"{OTHER}:{compact}")


def _try(region: str, document: str, text: str) -> NormalValue | None:
    try:
        return _found(region, document, DOCUMENTS[region][document](text))
    except ValidationError:
        return None


def _found(region: str, document: str, compact: str) -> NormalValue:
    shown = FORMATS.get((region, document), str)(compact)
    return NormalValue(shown, f"{region.lower()}.{document}:{compact}")


def contradict(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two people's ids (match keys) exclude that they are one: numbers of one document, none of them equal."""
    mine, theirs = _by_document(one), _by_document(other)
    return any(not mine[document] & theirs[document] for document in mine.keys() & theirs.keys() if document != OTHER)


def _by_document(keys: Iterable[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key in keys:
        document, _colon, number = key.partition(":")
        found.setdefault(document, set()).add(number)
    return found
