"""Make the demo: accounts, channels, three months of history, and what the simulator must know."""

import os
import random
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.entrances import account_id_by_slug, all_account_ids
from accounts.models import Account, Channel, Membership
from accounts.roles import Role
from accounts.scope import account_scope
from config.demo.accounts import BUSINESSES, Business, connect_channels, open_business, point_at_simulator
from config.demo.history import STILL_OPEN, Plan, plan_steps
from config.demo.people import Person, make_people
from config.demo.stories import stories
from config.demo.telling import Teller
from config.embedded.keeper import follow_parent
from config.simulator.configuration import Configuration, SimulatedChannel, StartingPerson, write
from contacts.models import DeduplicationRun

SEED = 20260101
PORTION = 100
GREETING = "¡Hola! Soy el asistente de {name}."


def is_empty() -> bool:
    """Whether there is no account yet."""
    return not all_account_ids()


def is_finished() -> bool:
    """Whether the demo was made to its end."""
    return simulator_file().is_file()


def simulator_file() -> Path:
    return settings.VAR_DIR / "simulator.json"


def simulator_port() -> int:
    return int(os.environ.get("HILO_SIMULATOR_PORT", "8001"))


def make_demo(*, tell: Callable[[str], None], scale: float = 1.0) -> None:
    """Everything, with ``tell`` called as it goes on. ``scale`` makes a smaller history, for tests.

    Each account's history is told by a process of its own and committed in portions (one transaction would hold too many
    locks); ``simulator.json`` is written last, so a demo without it was interrupted.
    """
    channels: list[SimulatedChannel] = []
    people: list[StartingPerson] = []
    for business in BUSINESSES:
        with transaction.atomic():
            account = open_business(business)
            with account_scope(account):
                doors = connect_channels(business, simulator_port=simulator_port())
        channels += [_simulated(channel, business) for channel in doors.values()]
        people += _starting_people(_cast(business, _draw(business), scale), business)
    _tell_histories(tell=tell, scale=scale)
    for business in BUSINESSES:
        with account_scope(_account_of(business)):
            _switch_bots_on(business)
    write(Configuration(channels=tuple(channels), people=tuple(people)), simulator_file())


def tell_history(*, slug: str, scale: float, tell: Callable[[str], None]) -> None:
    """Three months of one account, whose channels are there already, and the search for duplicates that nights would have made."""
    # Splink takes seconds to load, and every start reads this module.
    from contacts.deduplication.running import work as search_for_duplicates

    business = next(business for business in BUSINESSES if business.slug == slug)
    draw = _draw(business)
    with account_scope(_account_of(business)):
        doors = {channel.kind: channel for channel in Channel.objects.select_related("account")}
        plan = Plan(
            people=_cast(business, draw, scale),
            stories=stories(business.stories),
            conversations=max(STILL_OPEN + 6, int(business.conversations * scale)),
            channels=frozenset(doors),
        )
        steps = plan_steps(plan, now=timezone.now(), rng=draw)
        agents = list(Membership.objects.filter(role=Role.AGENT).order_by("pk"))
        teller = Teller(account=doors["email"].account, channels=doors, agents=agents, cases=plan.conversations)
        for start in range(0, len(steps), PORTION):
            with transaction.atomic():
                for step in steps[start : start + PORTION]:
                    teller.tell(step)
            tell(f"{business.name}: {min(start + PORTION, len(steps))} / {len(steps)}")
        teller.leave_read()
        # Otherwise the supervisors' queue would be empty until the night.
        search_for_duplicates(run_id=DeduplicationRun.objects.create(kind=DeduplicationRun.Kind.WHOLE).pk)


def _tell_histories(*, tell: Callable[[str], None], scale: float) -> None:
    """One process an account: that is what makes the first start short. Raises ``RuntimeError`` with a process's last words."""
    with ThreadPoolExecutor(len(BUSINESSES)) as pool:
        for problem in pool.map(lambda business: _history_process(business, tell=tell, scale=scale), BUSINESSES):
            if problem:
                raise RuntimeError(problem)


def _history_process(business: Business, *, tell: Callable[[str], None], scale: float) -> str:
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "demo", "--history", business.slug, "--scale", str(scale)]
    last: deque[str] = deque(maxlen=15)
    # Nobody stays behind when the start is interrupted.
    end = follow_parent(signal.SIGTERM)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=end) as process:  # noqa: S603
        for line in process.stdout or ():
            last.append(line.rstrip())
            if line.startswith(business.name):
                tell(last[-1])
    return "\n".join(last) if process.returncode else ""


def _draw(business: Business) -> random.Random:
    return random.Random(f"{SEED} {business.slug}")  # noqa: S311 — the same history each time, not a secret


def _cast(business: Business, draw: random.Random, scale: float) -> list[Person]:
    return make_people(count=max(12, int(business.people * scale)), rng=draw, start=1000 * BUSINESSES.index(business))


def _account_of(business: Business) -> int:
    account_id = account_id_by_slug(business.slug)
    if account_id is None:
        raise RuntimeError(f"There is no account {business.slug}.")
    return account_id


def follow_simulator() -> None:
    """Point the demo's channels at the port the simulator has now."""
    for account_id in all_account_ids():
        with account_scope(account_id):
            if Account.objects.filter(slug__in=[business.slug for business in BUSINESSES], pk=account_id).exists():
                point_at_simulator(simulator_port=simulator_port())


def _switch_bots_on(business: Business) -> None:
    """After the history, so that the bot does not greet the past."""
    for channel in Channel.objects.filter(kind__in=["webchat", "instagram"]):
        channel.greeting_bot = {"enabled": True, "greeting": GREETING.format(name=business.name), "ask": ["name", "contact", "reason"]}
        channel.save(update_fields=["greeting_bot"])


def _simulated(channel: Channel, business: Business) -> SimulatedChannel:
    address = {"whatsapp": "phone_number_id", "instagram": "ig_user_id", "email": "address"}.get(channel.kind, "")
    wanted = ("app_secret", "access_token", "imap_password")
    secrets: Any = channel.secrets
    kept = {name: value for name, value in {**channel.settings, **secrets}.items() if name in wanted}
    if "imap_password" in kept:
        kept["password"] = kept.pop("imap_password")
    return SimulatedChannel(
        key=channel.key,
        kind=channel.kind,
        name=channel.name,
        account=business.slug,
        address=channel.settings.get(address, ""),
        secrets=kept,
    )


def _starting_people(cast: list[Person], business: Business) -> list[StartingPerson]:
    """A handful whom it is worth to be: somebody with two faces, relatives on one phone, a colleague of the mailbox."""
    hints = {
        "duplicate": "dos nombres y dos correos, un teléfono",
        "family": "comparte el teléfono con su familia",
        "mailbox": "escribe desde un correo de la empresa",
        "single": "",
    }
    chosen: list[Person] = []
    for role, count in {"duplicate": 2, "family": 3, "mailbox": 2, "single": 3}.items():
        chosen += [person for person in cast if person.role == role][:count]
    return [
        StartingPerson(
            name=person.full_name,
            wa_id=person.wa_id,
            email=person.email,
            instagram=person.instagram,
            username=person.username,
            account=business.slug,
            hint=hints[person.role],
        )
        for person in chosen
    ]
