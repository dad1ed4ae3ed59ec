"""Whatever happens in whatever order: the gate never lets a promotion out that the principles forbid, and forbids no other."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from accounts.actors import SYSTEM, Actor
from accounts.scope import account_scope
from consent.fingerprints import PointRef, point_of, point_ref
from consent.gate import Question, decide_many
from consent.importing import GrantRow, import_grants
from consent.ledger import opt_out_person, record
from consent.models import ConsentEvent, ConsentState, Purpose
from consent.projecting import rebuild
from consent.retracting import retract_slip, slip_of
from consent.suppressing import suppress
from consent.vocabulary import Action, Origin, SuppressionReason
from consent.witnessing import witness_opt_out
from contacts.erasing import erase
from contacts.merging import Refused, merge, unmerge
from contacts.models import Contact, Identifier, Profile, ValueMark
from tests.conftest import make_account, make_member
from tests.consent.oracle import Oracle, Said
from tests.consent.people import add_address, make_person

pytestmark = [pytest.mark.usefixtures("db"), pytest.mark.slow]

# Two spellings that may be one line in Argentina, a number of one person, a family's number, and a mailbox.
ADDRESSES = {
    "mobile": ("phone", "+5491123456789"),
    "land line": ("phone", "+541123456789"),
    "own": ("phone", "+56981234567"),
    "family": ("phone", "+56987654321"),
    "mail": ("email", "ana@ejemplo.cl"),
}
LINES = {"mobile": "argentina", "land line": "argentina", "own": "own", "family": "family", "mail": "mail"}
OWNERS = {"Ana": ("mobile", "own", "mail"), "Beto": ("land line", "family"), "Caro": ("family", "own"), "Dora": ("mail", "family")}
PURPOSES = ("marketing", "news")
RESTRICTIONS = {"withdraw": Action.WITHDRAW, "object": Action.OBJECT, "stop": Action.STOP, "platform_stop": Action.PLATFORM_STOP}

addresses = st.sampled_from(sorted(ADDRESSES))
people = st.sampled_from(sorted(OWNERS))
channels = st.sampled_from(["", "whatsapp", "sms", "email"])
purposes = st.sampled_from(["", *PURPOSES])
# Minutes before now by the clock of whoever tells: some clocks run ahead, some deliver what is weeks old.
clocks = st.one_of(st.integers(0, 8), st.integers(-3000, 60 * 24 * 30))
some = st.integers(0, 50)


class World(RuleBasedStateMachine):
    """One account, and the oracle that hears everything too."""

    steps = 0
    allowed = 0

    def __init__(self) -> None:
        super().__init__()
        # Of one history nothing is left for the next, not even what went wrong.
        self.undone = transaction.atomic()
        self.undone.__enter__()
        self.account = make_account("oraculo")
        self.scope = account_scope(self.account)
        self.scope.__enter__()
        self.numbers = itertools.count(1)
        self.oracle = Oracle(LINES, confirmed_only={"marketing"}, lasts={"marketing": timedelta(days=730), "news": timedelta(days=10)})
        self.told: list[tuple[str, str, dict[str, Any]]] = []
        # The last slip of each of our two people, at whom.
        self.slips: dict[int, tuple[str, list[Said]]] = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.scope.__exit__(None, None, None)
        self.undone.__exit__(None, None, None)

    @initialize()
    def begin(self) -> None:
        Purpose.objects.create(key="news", purpose_class="marketing", expires_after_days=10)
        self.profiles: dict[str, Profile] = {}
        self.ours = [Actor.person(make_member(self.account, name=name)) for name in ("laura", "diego")]
        # Who it is to the oracle: somebody who comes back after an erasure is somebody else.
        self.names: dict[str, str] = {}
        for name in OWNERS:
            self.moves_in(name)

    def moves_in(self, name: str) -> None:
        self.names[name] = f"{name} {next(self.numbers)}"
        self.profiles[name] = make_person(name=name)
        for address in OWNERS[name]:
            add_address(self.profiles[name], *ADDRESSES[address])

    def ref(self, address: str) -> PointRef:
        return point_ref(kind=ADDRESSES[address][0], value=ADDRESSES[address][1])

    def when(self, minutes: int) -> datetime:
        return timezone.now() - timedelta(minutes=minutes)

    def write(self, what: str, address: str, who: str, key: str, fields: dict[str, Any]) -> None:
        """Record it, and let the oracle hear what the ledger took in for the first time."""
        before = ConsentEvent.objects.count()
        event = record(ref=self.ref(address), key=key, profile=self.profiles[who], by=SYSTEM, **fields)
        if ConsentEvent.objects.count() > before:
            self.note(what, address, self.names[who], event)
        self.told.append((what, address, {"who": who, "key": key, **fields}))

    def note(self, what: str, address: str, who: str, event: ConsentEvent) -> Said:
        said = Said(
            what=what,
            address=address,
            who=who,
            # A clock that runs ahead is taken for ours.
            at=min(event.occurred_at, event.recorded_at).astimezone(UTC),
            channel=event.channel,
            purpose=event.purpose,
            holds_it=event.possession_proven,
            on_record=event.evidence_id is not None,
            number=event.pk,
        )
        self.oracle.hear(said)
        return said

    @invariant()
    def counted(self) -> None:
        type(self).steps += 1

    @rule(address=addresses, who=people, channel=channels, purpose=purposes, minutes=clocks, proven=st.booleans(), proof=st.booleans())
    def grant(self, address: str, who: str, channel: str, purpose: str, minutes: int, proven: bool, proof: bool) -> None:
        fields: dict[str, Any] = {"action": Action.GRANT, "channel": channel, "purpose": purpose, "occurred_at": self.when(minutes)}
        fields |= {"origin": Origin.CONFIRMATION if proven else Origin.IMPORT, "possession_proven": proven}
        fields |= {"proof": {"form": "feria"}} if proof else {}
        self.write("grant", address, who, f"k{next(self.numbers)}", fields)

    @rule(address=addresses, who=people, purpose=purposes)
    def agree_again(self, address: str, who: str, purpose: str) -> None:
        """Whoever holds the address opts in now: of all that was said before, nothing stands against it."""
        fields = {"action": Action.GRANT, "origin": Origin.CONFIRMATION, "possession_proven": True, "purpose": purpose}
        self.write("grant", address, who, f"k{next(self.numbers)}", {**fields, "occurred_at": timezone.now()})
        self.ask(0)

    @rule(what=st.sampled_from(sorted(RESTRICTIONS)), address=addresses, who=people, channel=channels, purpose=purposes, minutes=clocks)
    def restrict(self, what: str, address: str, who: str, channel: str, purpose: str, minutes: int) -> None:
        about = {"purpose": "" if what in ("stop", "platform_stop") else purpose, "channel": channel}
        fields = {"action": RESTRICTIONS[what], "origin": Origin.MESSAGE, "occurred_at": self.when(minutes), **about}
        self.write(what, address, who, f"k{next(self.numbers)}", fields)

    @rule(address=addresses, who=people, channel=channels, minutes=clocks)
    def platform_resumes(self, address: str, who: str, channel: str, minutes: int) -> None:
        fields = {"action": Action.PLATFORM_RESUME, "origin": Origin.PLATFORM, "occurred_at": self.when(minutes), "channel": channel}
        self.write("platform_resume", address, who, f"k{next(self.numbers)}", fields)

    @rule(address=addresses, who=people, purpose=purposes, minutes=clocks)
    def request(self, address: str, who: str, purpose: str, minutes: int) -> None:
        fields = {"action": Action.REQUEST, "origin": Origin.FORM, "occurred_at": self.when(minutes), "purpose": purpose}
        self.write("request", address, who, f"k{next(self.numbers)}", fields)

    @rule(which=some, minutes=clocks)
    def the_same_again(self, which: int, minutes: int) -> None:
        """A webhook that comes twice, the second time with another clock: nothing changes."""
        if self.told:
            what, address, again = self.told[which % len(self.told)]
            fields = {**again, "occurred_at": self.when(minutes)}
            who, key = fields.pop("who"), fields.pop("key")
            self.write(what, address, who, key, fields)

    @rule(who=people, purpose=purposes, minutes=clocks)
    def opt_out_everywhere(self, who: str, purpose: str, minutes: int) -> None:
        events = opt_out_person(
            profile=self.profiles[who],
            origin=Origin.AGENT,
            occurred_at=self.when(minutes),
            key=f"k{next(self.numbers)}",
            purpose=purpose,
            by=SYSTEM,
        )
        by_lookup = {self.ref(address).lookup: address for address in ADDRESSES}
        for event in events:
            self.note("withdraw", by_lookup[event.point.lookup_hmac], self.names[who], event)

    @rule(who=people, which=st.integers(0, 1))
    def one_of_ours_slips(self, who: str, which: int) -> None:
        """An agent presses "no more promotions" at the wrong person."""
        events = witness_opt_out(profile=self.profiles[who], key=f"k{next(self.numbers)}", by=self.ours[which])
        by_lookup = {self.ref(address).lookup: address for address in ADDRESSES}
        said = [self.note("withdraw", by_lookup[event.point.lookup_hmac], self.names[who], event) for event in events]
        self.slips[which] = (who, said)

    @rule(which=st.integers(0, 1), by=st.integers(0, 1))
    def and_takes_it_back(self, which: int, by: int) -> None:
        """At once, or after others said something; the same agent, or another one."""
        if which not in self.slips:
            return
        who, said = self.slips[which]
        contact = Profile.scoped().get(pk=self.profiles[who].pk).contact
        # One that was erased since, or joined by another, is not the one that was meant.
        mine = {event.pk for event in slip_of(contact=contact, by=self.ours[by])}
        if which != by or not self.oracle.may_take_back(said):
            assert not mine & {each.number for each in said}
            return
        assert mine == {each.number for each in said}
        assert {event.retracts_id for event in retract_slip(contact=contact, by=self.ours[by])} == mine
        self.oracle.never_said(said)
        del self.slips[which]
        self.ask(0)

    @rule(
        who=people, minutes=clocks, reason=st.sampled_from([SuppressionReason.COMPLAINT, SuppressionReason.WRONG_PERSON]), address=addresses
    )
    def report(self, who: str, minutes: int, reason: SuppressionReason, address: str) -> None:
        self.suppress(address, who, reason, minutes)

    @rule(who=people)
    def erase_and_bring_back(self, who: str) -> None:
        """The person is erased in every room; then a list brings their addresses in again, as somebody new."""
        gone = Profile.scoped().get(pk=self.profiles[who].pk)
        others = Identifier.scoped().filter(profile__contact=gone.contact_id, valid_to=None).exclude(profile=gone)
        # One line in two spellings is one line: of the same person, it is still in use.
        carried = {point_of(identifier).match for identifier in others}
        latest = ConsentEvent.objects.aggregate(Max("pk", default=0))["pk__max"]
        erase(profiles=[gone], by=SYSTEM)
        closed = {event.point.lookup_hmac: event for event in ConsentEvent.objects.filter(pk__gt=latest).select_related("point")}
        # Whatever nobody else of the same person still uses must not be written to by accident.
        assert set(closed) == {ref.lookup for ref in map(self.ref, OWNERS[who]) if ref.match not in carried}
        by_lookup = {self.ref(address).lookup: address for address in ADDRESSES}
        for lookup, event in closed.items():
            self.note("suppress", by_lookup[lookup], self.names[who], event)
        self.slips = {which: slip for which, slip in self.slips.items() if slip[0] != who}
        self.moves_in(who)

    def suppress(self, address: str, who: str, reason: SuppressionReason, minutes: int) -> None:
        event = suppress(
            ref=self.ref(address),
            reason=reason,
            at=self.when(minutes),
            key=f"k{next(self.numbers)}",
            origin=Origin.SYSTEM,
            profile=self.profiles[who],
        )
        self.note("suppress", address, self.names[who], event)

    @rule(purpose=st.sampled_from(PURPOSES), proof=st.booleans(), minutes=clocks, again=st.booleans())
    def import_everybody(self, purpose: str, proof: bool, minutes: int, again: bool) -> None:
        """An "overwrite" import that says everybody agreed, and the same file once more."""
        rows, speakers = [], []
        for who, owned in OWNERS.items():
            contact_id = Profile.scoped().values_list("contact_id", flat=True).get(pk=self.profiles[who].pk)
            for address in owned:
                kind, value = ADDRESSES[address]
                said = {"proof": {"form": "feria"} if proof else None, "key": f"f{next(self.numbers)}", "contact_id": contact_id}
                row = GrantRow(address=value, kind=kind, action="grant", purpose=purpose, occurred_at=self.when(minutes), **said)
                rows.append(row)
                speakers.append(address)
        outcomes = import_grants(rows, by=SYSTEM)
        names = {profile.pk: self.names[who] for who, profile in self.profiles.items()}
        for address, outcome in zip(speakers, outcomes, strict=True):
            assert outcome.event is not None, outcome.problem
            assert outcome.event.profile_id is not None
            self.note("grant", address, names[outcome.event.profile_id], outcome.event)
        if again:
            assert {outcome.state for outcome in import_grants(rows, by=SYSTEM)} == {"known"}

    @rule(address=addresses, minutes=clocks)
    def recycle(self, address: str, minutes: int) -> None:
        fields = {"action": Action.RECYCLE, "origin": Origin.API, "occurred_at": self.when(minutes)}
        self.write("recycle", address, "Ana", f"k{next(self.numbers)}", fields)

    @rule(one=people, other=people)
    def merge(self, one: str, other: str) -> None:
        contacts = list(Contact.scoped().filter(profiles__in=[self.profiles[one].pk, self.profiles[other].pk]).distinct())
        if len(contacts) == 2:
            merge(contacts=contacts, by=SYSTEM)

    @rule(who=people)
    def unmerge(self, who: str) -> None:
        try:
            profile = Profile.scoped().get(pk=self.profiles[who].pk)
            unmerge(contact=profile.contact, profiles=[profile], by=SYSTEM)
        except Refused:
            assert Profile.scoped().filter(contact=profile.contact_id).count() == 1

    @rule(address=st.sampled_from(["family", "mail", "own"]))
    def share(self, address: str) -> None:
        kind, value = ADDRESSES[address]
        if address in self.oracle.shared:
            ValueMark.objects.filter(kind=kind, key=value).delete()
            self.oracle.shared.discard(address)
        else:
            ValueMark.objects.create(kind=kind, key=value, mark="shared")
            self.oracle.shared.add(address)

    @rule()
    def make_the_states_anew(self) -> None:
        before = states()
        rebuild()
        assert states() == before

    @rule(minutes=st.integers(0, 60 * 24 * 40))
    def ask(self, minutes: int) -> None:
        """Everybody, everywhere, for everything."""
        at = timezone.now() + timedelta(minutes=minutes)
        asked = [
            (who, address, channel, purpose)
            for who in OWNERS
            for address in ADDRESSES
            for channel in (("email",) if address == "mail" else ("whatsapp", "sms"))
            for purpose in PURPOSES
        ]
        questions = [
            Question(ref=self.ref(address), profile_id=self.profiles[who].pk, channel=channel, purpose=purpose, at=at, template="marketing")
            for who, address, channel, purpose in asked
        ]
        for (who, address, channel, purpose), ruling in zip(asked, decide_many(questions), strict=True):
            why = self.oracle.forbids(address=address, who=self.names[who], channel=channel, purpose=purpose, at=at)
            refused = [finding for finding in ruling.findings if finding.row in (1, 2, 4, 5, 6)]
            assert bool(why) == bool(refused), (who, address, channel, purpose, why, refused)
            type(self).allowed += not why


def states() -> list[tuple[Any, ...]]:
    rows = ConsentState.scoped().values().order_by("point", "profile_id", "channel", "purpose")
    return [tuple(value for name, value in sorted(row.items()) if name != "id") for row in rows]


def test_no_leak_and_no_needless_refusal() -> None:
    wanted = 100_000 if settings.default.max_examples >= 1000 else 1_000
    World.steps = World.allowed = 0
    run_state_machine_as_test(
        World,
        settings=settings(
            # Some histories end before their fiftieth step.
            max_examples=wanted // 35,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert World.steps >= wanted
    # A machine in which nothing was ever allowed would show nothing.
    assert World.allowed > 100
