"""What a short free text says about its writer: name, email, phone, whether a person is asked for, and what is left."""

import re
from dataclasses import dataclass

import phonenumbers

from contacts.names import fold_name, is_placeholder
from contacts.normalising import clean, normal

EMAIL = re.compile(r"[^\s<>(),;:\"']+@[^\s<>(),;:\"']+")
WORD = r"[^\W\d_][^\W\d_.'’-]*"
# What follows is a name, unless it begins with one of NOT_NAMES.
INTRODUCTION = re.compile(
    rf"\b(?:soy|me llamo|mi nombre es|mi nombre:|nombre:|les? escribe|te escribe|les? habla|te habla|my name is|my name's|i am|i'm|this is)"
    rf"\s+((?:{WORD})(?:\s+{WORD}){{0,4}})",
    re.IGNORECASE,
)
# Words that end a name: "soy Ana y quiero …", "soy Ana de la tienda".
NAME_ENDS = frozenset("y e and quiero quisiera necesito tengo busco con para por mi mis tu su pero que from of at with my i".split())
NOT_NAMES = frozenset(
    """a al an cliente clienta de del el ella la las los un una unos yo nuevo nueva alumno alumna estudiante paciente socio socia
    proveedor proveedora interesado interesada usuario usuaria madre padre mama papa hijo hija esposa esposo dueno duena
    not no si the looking trying interested writing here having sorry from muy mas tambien quien otra otro""".split()
)
GREETING = (
    r"(?:hola+|holi|buen[oa]s?(?: d[ií]as?| tardes| noches)?|saludos|qu[eé] tal|c[oó]mo est[aá]n?|estimad[oa]s?"
    r"|hello|hi|hey|good (?:morning|afternoon|evening))"
)
GREETINGS = re.compile(rf"^(?:{GREETING}[\s,.!?]*)+", re.IGNORECASE)
PHONE_WORD = r"(?:tel[eé]fono|fono|tel|cel(?:ular)?|m[oó]vil|whatsapp|wsp|n[uú]mero|phone(?: number)?|mobile|cell)"
PHONE_WORDS = re.compile(rf"{PHONE_WORD}[\s.:]*(?:es|is)?[\s.:]*$", re.IGNORECASE)
# A datum that was taken out, with the words that only announce it ("mi correo es").
TAKEN = "\0"
DATUM_WORD = rf"(?:correo(?: electr[oó]nico)?|e-?mail|mail|{PHONE_WORD})"
ANNOUNCED = re.compile(rf"(?:\b(?:y|and)\s+)?(?:\b(?:mi|my|el|al)\s+)?(?:\b{DATUM_WORD}[\s.:]*(?:es|is)?[\s.:]*)?{TAKEN}", re.IGNORECASE)
COURTESY = re.compile(r"\b(?:por favor|porfa(?:vor)?|please|hola|hello|hi)\b[\s,.!]*", re.IGNORECASE)
A_PERSON = re.compile(
    r"\b(humano|humana|agente|persona|ejecutiv[oa]|asesora?|operadora?|alguien|human|agent|person|someone|representative)\b", re.IGNORECASE
)
ASKING = re.compile(
    r"\b(habl\w+|comuni\w+|p[aá]s[ae]\w*|atien\w+|atend\w+|contact\w+|deriv\w+|talk|speak|chat|connect|transfer|real)\b", re.IGNORECASE
)
MOST_NAME_WORDS = 5


@dataclass(frozen=True)
class Heard:
    """``rest`` is the text without greeting, name and data: what it is about, if anything."""

    name: str = ""
    email: str = ""
    phone: str = ""
    asks_for_person: bool = False
    rest: str = ""


def hear(text: str, *, region: str) -> Heard:
    """Read a free text. ``region`` (ISO 3166) reads phones without a prefix."""
    text = clean(re.sub(r"\s+", " ", text))
    rest = text
    email = phone = ""
    for found in EMAIL.findall(text):
        if (value := normal("email", found, region=region)) is not None:
            email = value.value
            rest = rest.replace(found, TAKEN)
            break
    for match in phonenumbers.PhoneNumberMatcher(rest, region):
        before = rest[: match.start]
        alone = not re.search(r"[^\W\d_]", rest.replace(match.raw_string, ""))
        if match.raw_string.startswith("+") or PHONE_WORDS.search(before) or alone or email:
            phone = match.raw_string
            rest = before + TAKEN + rest[match.end :]
            break
    name, rest = _introduced(ANNOUNCED.sub(" ", rest))
    return Heard(name=name, email=email, phone=phone, asks_for_person=asks_for_person(text), rest=_tidy(rest))


def asks_for_person(text: str) -> bool:
    """Whether the writer wants a human: the word alone or nearly, or with a verb of talking."""
    return bool(A_PERSON.search(text)) and (len(COURTESY.sub("", text).split()) <= 3 or bool(ASKING.search(text)))


def only_a_name(text: str) -> str:
    """The name, where the whole text (greeting aside) is one; else empty."""
    text = _tidy(text)
    words = text.split()
    if not 1 <= len(words) <= MOST_NAME_WORDS or re.search(r"[\d?¿@/:]", text) or is_placeholder(text):
        return ""
    first = fold_name(words[0])
    if first in NOT_NAMES or first in NAME_ENDS or not all(re.fullmatch(WORD, word) for word in words):
        return ""
    return text


def _introduced(text: str) -> tuple[str, str]:
    """The name after "soy …" or the like, and the text without it."""
    for match in INTRODUCTION.finditer(text):
        words: list[str] = []
        end = match.start(1)
        for word in re.finditer(WORD, match.group(1)):
            if fold_name(word.group()) in NAME_ENDS:
                break
            words.append(word.group())
            end = match.start(1) + word.end()
        name = " ".join(words)
        english = match.group(0).lower().startswith(("i am", "i'm", "this is"))
        if words and fold_name(words[0]) not in NOT_NAMES and not (english and not words[0][0].isupper()) and not is_placeholder(name):
            return name, text[: match.start()] + " " + text[end:]
    return "", text


def _tidy(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip(" ,.;:-!")
    text = GREETINGS.sub("", text).strip(" ,.;:-!")
    return re.sub(r"^(?:y|e|and|gracias|muchas gracias|thanks|thank you)\b[\s,.;:]*", "", text, flags=re.IGNORECASE).strip(" ,.;:-!")
