"""What consent wants to be known before two contacts are merged. It stands in no merge's way: consent belongs to the address."""

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from consent.purposes import name_of
from consent.queries import consent_of
from consent.vocabulary import PurposeClass, State
from contacts.concerns import Concern, register
from contacts.models import Contact

OUT = frozenset({State.SUPPRESSED, State.OBJECTED, State.WITHDRAWN})


def different_consent(ours: Contact, theirs: Contact) -> list[Concern]:
    """One side agreed to what the other refused. Eight queries, the gate's among them."""
    language = get_language() or ""
    agreed, refused = [], []
    names: dict[str, str] = {}
    for side in (ours, theirs):
        lines = [line for line in consent_of(side) if line.purpose.purpose_class == PurposeClass.MARKETING]
        names |= {line.purpose.key: name_of(line.purpose, language) for line in lines}
        agreed.append({line.purpose.key for line in lines if line.standing.state is State.GRANTED})
        refused.append({line.purpose.key for line in lines if line.standing.state in OUT})
    found = sorted((agreed[0] & refused[1]) | (agreed[1] & refused[0]))
    if not found:
        return []
    text = _("One agreed to “%(what)s” and the other refused it. A merge changes neither: what was said holds at each address.")
    return [Concern("consent", text % {"what": ", ".join(names[key] for key in found)})]


def register_concerns() -> None:
    register("consent", different_consent)
