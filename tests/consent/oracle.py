"""What may be sent, by the principles alone: an independent judge of the gate. It imports nothing of the product.

1. Consent belongs to the contact point. 2. A grant never crosses points. 3. On one point the strictest counts, unless something
later, said by whoever holds the point, lifts it. 6. A restriction stops the number for everybody who uses it; on a shared point a
grant counts for its giver only. 7. What was erased or reported stays closed until a fresh verified opt-in. And what one of ours wrote
down by a slip and took back at once was never said; whoever else said something since has made it a fact.

It plays the whole history again in the order in which things were said, and remembers what is closed at the end.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Said:
    """One thing that was said. ``channel`` and ``purpose`` empty: about all of them."""

    what: str  # grant, request, withdraw, object, stop, suppress, platform_stop, platform_resume, recycle
    address: str
    who: str
    at: datetime
    channel: str = ""
    purpose: str = ""
    holds_it: bool = False
    on_record: bool = False
    number: int = 0


@dataclass
class Oracle:
    """``lines``: address → name of the line it may be; ``confirmed_only`` and ``lasts``: what each purpose asks of a grant."""

    lines: dict[str, str]
    confirmed_only: set[str]
    lasts: dict[str, timedelta]
    history: list[Said] = field(default_factory=list)
    shared: set[str] = field(default_factory=set)

    def hear(self, said: Said) -> None:
        self.history.append(said)

    def may_take_back(self, slips: list[Said]) -> bool:
        """Whether nothing was said since at one of the lines. ``slips`` are the last that their writer wrote down."""
        lines = {self.lines[said.address] for said in slips}
        since = self.history[min(self.history.index(said) for said in slips) :]
        return all(said in slips for said in since if self.lines[said.address] in lines)

    def never_said(self, slips: list[Said]) -> None:
        self.history = [said for said in self.history if said not in slips]

    def forbids(self, *, address: str, who: str, channel: str, purpose: str, at: datetime) -> str:
        """Why a promotion may not leave; empty where it may, as far as consent is concerned."""
        closed: set[str] = set()
        agreed: list[tuple[datetime, bool]] = []
        # Of what was said at one instant, the restriction comes last, and so it stands.
        for said in sorted(self.history, key=lambda said: (said.at, said.what not in ("grant", "platform_resume"))):
            about_this_line = self.lines[said.address] == self.lines[address]
            if not about_this_line or (said.channel not in ("", channel) and said.what != "stop"):
                continue
            here = said.address == address
            fits = said.purpose in ("", purpose)
            if said.what in ("withdraw", "object") and fits:
                closed.add(said.what)
            elif said.what == "stop":
                closed.add("withdraw")
            elif said.what == "suppress":
                closed.add("suppress")
            elif said.what == "platform_stop":
                closed.add("platform")
            elif said.what == "platform_resume":
                closed.discard("platform")
            elif here and (who == said.who or address not in self.shared):
                if said.what == "request" and fits:
                    closed.add("pending")
                elif said.what == "grant" and self._after_recycling(said):
                    if said.holds_it:
                        closed.discard("suppress")
                    if fits and (said.holds_it or said.on_record):
                        agreed.append((said.at, said.holds_it))
                    if fits and said.holds_it:
                        closed -= {"withdraw", "object", "pending"}
        if closed:
            return sorted(closed)[0]
        good = [
            when
            for when, holds_it in agreed
            if (holds_it or purpose not in self.confirmed_only) and (purpose not in self.lasts or at < when + self.lasts[purpose])
        ]
        return "" if good else "nobody agreed"

    def _after_recycling(self, grant: Said) -> bool:
        recycled = [said.at for said in self.history if said.what == "recycle" and said.address == grant.address]
        return all(grant.at > at for at in recycled)
