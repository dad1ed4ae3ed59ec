"""What one receives: switches that say what the gate says, stop everything, pause, preferences, wording that changed."""

from datetime import time, timedelta

import pytest
from django.utils import timezone

from accounts.actors import SYSTEM
from accounts.models import Channel
from consent.gate import decide_many
from consent.ledger import record
from consent.models import ConsentEvent, ConsentState, NoticeVersion, Preference
from consent.points import points_of_profile
from consent.portal.choosing import overview
from consent.portal.reach import reach_of
from consent.portal.visits import visit_of
from consent.questions import Question
from consent.vocabulary import Action, Origin, Reason
from contacts.merging import merge
from contacts.models import Profile
from tests.consent.portal.conftest import MARKETING, Visitor, publish
from tests.contacts.stories import writes

pytestmark = pytest.mark.usefixtures("scope")


def allowed(profile: Profile, channel: str = "email") -> bool:
    """The gate's word on a promotion to the profile's address, as far as consent goes."""
    ref = next(each.ref for each in points_of_profile(profile) if each.ref.kind == ("email" if channel == "email" else "phone"))
    question = Question(ref=ref, profile_id=profile.pk, channel=channel, purpose=MARKETING, at=timezone.now())
    (ruling,) = decide_many([question])
    return not {Reason.NO_CONSENT, Reason.WITHDRAWN, Reason.SUPPRESSED}.intersection(ruling.reasons)


def flip(visitor: Visitor, to: str, *, channel: str = "email", place: int = 0) -> int:
    visit = visit_of(visitor.client.cookies["hilo_portal"].value)
    assert visit is not None
    point = reach_of(visit).points[place].point_id
    return visitor.post("switch", {"purpose": MARKETING, "point": str(point), "channel": channel, "to": to}).status_code


def test_switching_on_is_a_proven_grant_under_the_wording_shown(visitor: Visitor, ana: Profile, notice: NoticeVersion) -> None:
    visitor.comes_in("ana@ejemplo.cl")
    page = visitor.get("home").content.decode()
    assert notice.text in page
    assert 'aria-checked="false"' in page
    assert not allowed(ana)

    assert flip(visitor, "on") == 303

    assert allowed(ana)
    event = ConsentEvent.scoped().get()
    assert (event.action, event.source, event.possession_proven, event.channel, event.purpose) == (
        "grant",
        "portal",
        True,
        "email",
        MARKETING,
    )
    assert (event.notice, event.profile_id, event.actor_kind) == (notice, ana.pk, "contact")
    assert event.evidence is not None
    assert 'aria-checked="true"' in visitor.get("home", "?done=saved").content.decode()


def test_a_switch_thrown_twice_is_thrown_once_and_off_is_a_withdrawal(visitor: Visitor, ana: Profile) -> None:
    visitor.comes_in("ana@ejemplo.cl")

    for to in ("on", "on", "off", "off"):
        flip(visitor, to)

    assert [event.action for event in ConsentEvent.scoped().order_by("pk")] == ["grant", "withdraw"]
    assert not allowed(ana)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"purpose": "service", "to": "off"},
        {"purpose": "no-such", "to": "on"},
        {"purpose": MARKETING, "channel": "carrier-pigeon", "to": "on"},
        {"purpose": MARKETING, "point": "999999", "channel": "email", "to": "on"},
        {"purpose": MARKETING, "point": "x", "channel": "email", "to": "on"},
    ],
)
def test_what_is_no_switch_changes_nothing(visitor: Visitor, ana: Profile, body: dict[str, str]) -> None:
    visitor.comes_in("ana@ejemplo.cl")

    assert visitor.post("switch", body).status_code == 303

    assert not ConsentEvent.scoped().exists()


def test_one_tap_stops_all_promotions_at_every_point_of_the_person(visitor: Visitor, ana: Profile, whatsapp: Channel) -> None:
    """The number was not shown in this visit: a restriction reaches it all the same."""
    phone = writes(whatsapp, "56911112222", hours=1, name="Ana Rojas").profile
    merge(contacts=[ana.contact, phone.contact], by=SYSTEM, cause="manual")
    for profile in (ana, phone):
        for linked in points_of_profile(profile):
            record(
                ref=linked.ref,
                action=Action.GRANT,
                origin=Origin.MESSAGE,
                occurred_at=timezone.now() - timedelta(days=1),
                key=f"earlier-{profile.pk}",
                profile=profile,
                purpose=MARKETING,
                possession_proven=True,
            )
    assert allowed(ana)
    assert allowed(phone, "whatsapp")
    visitor.comes_in("ana@ejemplo.cl")

    response = visitor.post("stop")

    assert response.status_code == 303
    assert not allowed(ana)
    assert not allowed(phone, "whatsapp")
    withdrawn = ConsentEvent.scoped().filter(action=Action.WITHDRAW)
    assert {event.point_id for event in withdrawn} == set(ConsentState.scoped().values_list("point_id", flat=True))
    assert withdrawn.count() == 2
    assert {(event.purpose, event.channel) for event in withdrawn} == {("", "")}
    # Wanting it again is one tap, at the point that was shown.
    flip(visitor, "on")
    assert allowed(ana)
    assert not allowed(phone, "whatsapp")


def test_a_pause_lasts_as_long_as_it_says_and_can_be_ended(visitor: Visitor, ana: Profile) -> None:
    visitor.comes_in("ana@ejemplo.cl")

    for days in (7, 30, 90):
        assert visitor.post("pause", {"days": str(days)}).status_code == 303
        until = Preference.scoped().get(profile=ana).paused_until
        assert until is not None
        assert abs(until - timezone.now() - timedelta(days=days)) < timedelta(days=1)
    assert "En pausa" in visitor.get("home").content.decode()

    visitor.post("pause", {"days": "0"})
    assert Preference.scoped().get(profile=ana).paused_until is None
    for nonsense in ("", "8", "-7", "abc", "100000"):
        visitor.post("pause", {"days": nonsense})
    assert Preference.scoped().get(profile=ana).paused_until is None


def test_preferences_are_kept_and_shown_again(visitor: Visitor, ana: Profile) -> None:
    visitor.comes_in("ana@ejemplo.cl")

    response = visitor.post("preferences", {"language": "pt", "channel": "email", "quiet_from": "21:00", "quiet_to": "09:30", "cap": "1-7"})

    assert response.status_code == 303
    row = Preference.scoped().get(profile=ana)
    assert (row.language, row.channels, row.quiet_from, row.quiet_to) == ("pt", ["email"], time(21), time(9, 30))
    assert (row.cap_count, row.cap_days) == (1, 7)
    # The language that was chosen is the language of the page.
    page = visitor.get("preferences").content.decode()
    assert '<html lang="pt">' in page
    assert 'value="21:00"' in page
    assert '<option value="1-7" selected>' in page


@pytest.mark.parametrize(
    "body",
    [
        {"quiet_from": "21:00"},
        {"quiet_from": "09:00", "quiet_to": "09:00"},
        {"language": "xx"},
        {"cap": "9-9"},
        {"channel": "sms"},
        {"quiet_from": "25:00"},
    ],
)
def test_preferences_that_cannot_be_are_refused(visitor: Visitor, ana: Profile, body: dict[str, str]) -> None:
    visitor.comes_in("ana@ejemplo.cl")

    assert visitor.post("preferences", body).status_code == 422

    assert not Preference.scoped().exists()


@pytest.mark.parametrize(("answer", "receives"), [("yes", True), ("no", False)])
def test_wording_that_changed_is_asked_again(visitor: Visitor, ana: Profile, notice: NoticeVersion, answer: str, receives: bool) -> None:
    visitor.comes_in("ana@ejemplo.cl")
    flip(visitor, "on")
    assert "nuevo texto" not in visitor.get("home").content.decode()
    publish(2, "Ahora también compartiremos tu correo con la tienda vecina.")
    assert not allowed(ana)
    assert visitor.url("wording") in visitor.get("home").content.decode()
    assert "tienda vecina" in visitor.get("wording").content.decode()

    assert visitor.post("wording", {"purpose": MARKETING, "answer": answer}).status_code == 303

    assert allowed(ana) is receives
    last = ConsentEvent.scoped().order_by("-pk")[0]
    assert (last.action, last.notice.number if last.notice else None) == (("grant", 2) if receives else ("withdraw", None))
    assert visitor.url("wording") not in visitor.get("home").content.decode()


def test_what_was_stopped_in_the_app_is_allowed_again_there_only(visitor: Visitor, whatsapp: Channel) -> None:
    profile = writes(whatsapp, "56911112222", name="Ana").profile
    (linked,) = points_of_profile(profile)
    for action in (Action.GRANT, Action.PLATFORM_STOP):
        record(
            ref=linked.ref,
            action=action,
            origin=Origin.PLATFORM,
            occurred_at=timezone.now(),
            key=action,
            profile=profile,
            channel="whatsapp",
            purpose=MARKETING if action is Action.GRANT else "",
            possession_proven=True,
        )
    visitor.comes_in("+56911112222")

    assert 'role="switch"' not in visitor.get("home").content.decode()
    flip(visitor, "on", channel="whatsapp")

    assert ConsentEvent.scoped().count() == 2


def test_the_overview_costs_the_same_for_one_point_and_for_four(
    visitor: Visitor, ana: Profile, django_assert_max_num_queries: object
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def cost() -> int:
        visit = visit_of(visitor.client.cookies["hilo_portal"].value)
        assert visit is not None
        reach = reach_of(visit)
        with CaptureQueriesContext(connection) as queries:
            overview(reach=reach, language="es")
        return len(queries)

    visitor.comes_in("ana@ejemplo.cl")
    alone = cost()
    for number in range(3):
        visitor.shows_also(f"ana{number}@ejemplo.cl")

    assert cost() == alone <= 7
