"""The greeting bot's dialogue: what it knows and the next text in, what it says and knows next out. It touches nothing."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext as _

from contacts.normalising import normal
from inbox.understanding import hear, only_a_name

STEPS = ("name", "contact", "reason")
MOST_REASKS = 2
# From how many words on a text says what it is about.
SHORTEST_REASON = 3


@dataclass(frozen=True)
class Dialogue:
    """``step`` is what was asked last, empty before the first question. ``gathered``: name, email, phone, reason."""

    step: str = ""
    gathered: Mapping[str, str] = field(default_factory=dict)
    tries: int = 0


@dataclass(frozen=True)
class Turn:
    """What to say, and why it ends: complete, person, not_understood; empty while it goes on."""

    dialogue: Dialogue
    reply: str
    ends: str = ""


@dataclass(frozen=True)
class Script:
    """What the administrator set, and what is known of the writer already. ``greeting`` may be empty."""

    account_name: str
    region: str
    greeting: str = ""
    ask: Sequence[str] = STEPS
    knows_name: bool = False
    knows_contact: bool = False

    def missing(self, gathered: Mapping[str, str]) -> list[str]:
        """The steps still to be asked, in order."""
        has = {
            "name": self.knows_name or "name" in gathered,
            "contact": self.knows_contact or "email" in gathered or "phone" in gathered,
            "reason": "reason" in gathered,
        }
        return [step for step in STEPS if step in self.ask and not has[step]]


def advance(dialogue: Dialogue, text: str, *, script: Script) -> Turn:
    """Take one answer (or the first message) and say the next thing, in the active language."""
    heard = hear(text, region=script.region)
    gathered = dict(dialogue.gathered)
    for name, value in (("name", heard.name), ("email", heard.email), ("phone", heard.phone)):
        if value:
            gathered.setdefault(name, value)
    rest = heard.rest
    if dialogue.step == "name" and "name" not in gathered and (name := only_a_name(rest)):
        gathered["name"], rest = name, ""
    if dialogue.step == "contact" and not script.knows_contact and not {"email", "phone"} & gathered.keys():
        gathered |= _phone_alone(rest, script.region)
    if "reason" not in gathered and _is_reason(rest, asked=dialogue.step == "reason"):
        gathered["reason"] = rest
    if heard.asks_for_person:
        # "Quiero hablar con una persona" is no reason to keep.
        gathered = {name: value for name, value in gathered.items() if name != "reason" or dialogue.gathered.get("reason")}
        return Turn(replace(dialogue, gathered=gathered, tries=0), _("Of course: a person of the team will answer you here."), "person")
    missing = script.missing(gathered)
    if not missing:
        return Turn(Dialogue(dialogue.step, gathered), _goodbye(gathered), "complete")
    if not dialogue.step:
        return Turn(Dialogue(missing[0], gathered), f"{_greeting(script)} {_question(missing[0], gathered)}")
    if dialogue.step not in missing or len(gathered) > len(dialogue.gathered):
        # An answer brought something, be it not what was asked: that is no failed try.
        return Turn(Dialogue(missing[0], gathered), _question(missing[0], gathered))
    if dialogue.tries >= MOST_REASKS:
        return Turn(
            Dialogue(dialogue.step, gathered, dialogue.tries + 1), _("A person of the team will go on from here."), "not_understood"
        )
    return Turn(Dialogue(dialogue.step, gathered, dialogue.tries + 1), _ask_again(dialogue.step, text))


def _is_reason(rest: str, *, asked: bool) -> bool:
    words = re.findall(r"[^\W_]+", rest)
    return len(words) >= (1 if asked else SHORTEST_REASON)


def _phone_alone(rest: str, region: str) -> dict[str, str]:
    """A number that the numbering plan allows though no list of valid ranges knows it: it was asked for, so it is one."""
    digits = re.search(r"\+?\d[\d\s().-]{6,}\d", rest)
    value = normal("phone", digits.group(), region=region) if digits else None
    return {"phone": digits.group()} if digits and value else {}


def _greeting(script: Script) -> str:
    return script.greeting or _("Hello! I am the automatic assistant of %(account)s.") % {"account": script.account_name}


def _question(step: str, gathered: Mapping[str, str]) -> str:
    if step == "name":
        return _("What is your name?")
    if step == "contact":
        if name := gathered.get("name"):
            return _("Thank you, %(name)s. On which email or phone can we reach you?") % {"name": name.split()[0]}
        return _("On which email or phone can we reach you?")
    return _("What can we help you with?")


def _ask_again(step: str, text: str) -> str:
    if step == "name":
        return _("I did not get the name. Please write just your name.")
    if step == "contact":
        if "@" in text:
            return _("That email seems incomplete. It looks like name@example.com.")
        if re.search(r"\d{3}", text):
            return _("That phone number seems incomplete. Please write it with the area code.")
        return _("So that the team can answer, please write an email or a phone number.")
    return _("Please tell in a few words what it is about.")


def _goodbye(gathered: Mapping[str, str]) -> str:
    if name := gathered.get("name"):
        return _("Thank you, %(name)s. A person of the team will answer you here.") % {"name": name.split()[0]}
    return _("Thank you. A person of the team will answer you here.")
