"""The nightly cleaning does only what is safe, says what it did, and takes it back."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.actors import SYSTEM
from accounts.models import Account, AuditEntry, Channel, Membership
from contacts.claims import Address, Claim
from contacts.merging import Refused, merge
from contacts.models import Identifier, MergeSuggestion, Profile, ValueMark, VerificationCode
from contacts.quality.cleaning import ask_for_cleaning, clean, take_back
from contacts.quality.models import CleaningReport, CleaningStep
from contacts.tasks import clean_account, clean_everybody
from inbox.adapters import InboundMessage
from inbox.receiving import receive
from tests.contacts.pairs import ask, two_people
from tests.contacts.stories import identifier_of, person, writes

pytestmark = pytest.mark.usefixtures("scoped")


def run() -> CleaningReport:
    report = clean(report_id=ask_for_cleaning(by=SYSTEM).pk)
    assert (report.state, report.error) == ("done", "")
    return report


def step(report: CleaningReport, kind: str) -> CleaningStep:
    return CleaningStep.scoped().get(report=report, kind=kind)


def test_nothing_to_do_is_a_report_too(mail: Channel) -> None:
    assert not run().did_anything
    assert AuditEntry.scoped().latest("pk").action == "quality.clean"


def test_keys_of_older_rules_are_read_anew_with_their_marks_and_back(mail: Channel, supervisor: Membership, admin: Membership) -> None:
    ana = writes(mail, "ana@ejemplo.cl", name="Ana Soto")
    Identifier.scoped().update(key="old-key", key_version=0)
    ValueMark.objects.create(kind="email", key="old-key", mark="shared")

    done = step(run(), "normalised")

    row = identifier_of(ana.profile, "email")
    assert (done.count, row.key, row.key_version) == (1, "ana@ejemplo.cl", 1)
    assert {mark.key for mark in ValueMark.scoped()} == {"old-key", "ana@ejemplo.cl"}
    assert step(run(), "normalised").count == 0

    assert take_back(step=done, by=person(admin)) == 1
    assert identifier_of(ana.profile, "email").key == "old-key"
    # The next night leaves alone what was taken back.
    assert step(run(), "normalised").count == 0
    with pytest.raises(Refused):
        take_back(step=done, by=person(admin))


def test_a_key_that_the_profile_has_already_is_left_as_it_is(mail: Channel) -> None:
    ana = writes(mail, "ana@ejemplo.cl", name="Ana Soto")
    row = identifier_of(ana.profile, "email")
    Identifier.objects.create(
        profile=ana.profile,
        kind="email",
        raw=row.raw,
        value=row.value,
        key="old",
        key_version=0,
        valid_from=row.valid_from,
        last_seen_at=row.last_seen_at,
    )
    run()
    assert set(Identifier.scoped().values_list("key", "key_version")) == {("ana@ejemplo.cl", 1), ("old", 1)}


class TestVisitors:
    def test_they_stay_unless_the_account_says_otherwise(self, web: Channel) -> None:
        writes(web, "v-1")
        assert step(run(), "visitors").count == 0
        assert Profile.scoped().get().is_current

    def test_only_those_who_left_nothing_and_whom_nobody_remembers(self, account: Account, web: Channel, admin: Membership) -> None:
        Account.objects.filter(pk=account.pk).update(retire_visitors_after_days=30)
        empty = writes(web, "v-1")
        named = writes(web, "v-2", city="Lima")
        reachable = writes(web, "v-3", email="ana@ejemplo.cl")
        heard = InboundMessage(provider_id="1", sender=Address("visitor", "v-4"), occurred_at=timezone.now(), claim=Claim(()), body="Hola")
        receive(channel=web, inbound=heard)
        Profile.scoped().update(last_seen_at=timezone.now() - timedelta(days=60))
        recent = writes(web, "v-5")
        Profile.scoped().filter(pk=recent.profile.pk).update(last_seen_at=timezone.now())

        done = step(run(), "visitors")

        assert done.count == 1
        assert set(Profile.scoped().filter(is_current=False)) == {empty.profile}
        assert identifier_of(empty.profile, "visitor").end_reason == "retired"
        assert named.profile.is_current
        assert reachable.profile.is_current

        assert take_back(step=done, by=person(admin)) == 1
        assert Profile.scoped().get(pk=empty.profile.pk).is_current
        assert identifier_of(empty.profile, "visitor").valid_to is None

    def test_who_comes_back_starts_anew_and_the_undo_leaves_them(self, account: Account, web: Channel, admin: Membership) -> None:
        Account.objects.filter(pk=account.pk).update(retire_visitors_after_days=30)
        first = writes(web, "v-1")
        Profile.scoped().update(last_seen_at=timezone.now() - timedelta(days=60))
        done = step(run(), "visitors")
        second = writes(web, "v-1", 9000)
        assert second.profile != first.profile
        assert take_back(step=done, by=person(admin)) == 0
        assert Profile.scoped().get(is_current=True) == second.profile


def test_suggestions_with_nothing_left_to_ask_are_closed_after_a_month_and_back(
    mail: Channel, supervisor: Membership, admin: Membership
) -> None:
    ana, other = two_people(mail)
    still_open = ask(*two_people(mail, 10))
    suggestion = ask(ana, other)
    merge(contacts=[ana.contact, other.contact], by=person(supervisor))
    assert step(run(), "suggestions").count == 0
    MergeSuggestion.scoped().update(updated_at=timezone.now() - timedelta(days=31))

    done = step(run(), "suggestions")

    assert done.count == 1
    assert MergeSuggestion.scoped().get(pk=suggestion.pk).state == "obsolete"
    assert MergeSuggestion.scoped().get(pk=still_open.pk).state == "open"
    assert take_back(step=done, by=person(admin)) == 1
    assert MergeSuggestion.scoped().get(pk=suggestion.pk).state == "open"


def test_codes_that_ran_out_long_ago_are_forgotten(mail: Channel, admin: Membership) -> None:
    ana = writes(mail, "ana@ejemplo.cl", name="Ana Soto")
    row = identifier_of(ana.profile, "email")
    for days in (1, 8):
        VerificationCode.objects.create(identifier=row, sender="email", digest="x", expires_at=timezone.now() - timedelta(days=days))
    done = step(run(), "codes")
    assert (done.count, VerificationCode.scoped().count()) == (1, 1)
    with pytest.raises(Refused):
        take_back(step=done, by=person(admin))


def test_the_worker_takes_a_cleaning_once_and_the_night_asks_for_every_account(account: Account) -> None:
    assert clean_everybody() >= 1
    report = CleaningReport.scoped().get()
    assert ask_for_cleaning(by=SYSTEM) == report
    clean_account(account_id=account.pk, run_id=report.pk)
    clean_account(account_id=account.pk, run_id=report.pk)
    report.refresh_from_db()
    assert (report.state, report.steps.count()) == ("done", 5)


def test_what_a_dead_worker_had_done_stays_on_record(mail: Channel, admin: Membership) -> None:
    writes(mail, "ana@ejemplo.cl", name="Ana Soto")
    Identifier.scoped().update(key_version=0)
    report = run()
    CleaningStep.scoped().exclude(kind="normalised").delete()
    CleaningReport.scoped().update(state="running", beat_at=timezone.now() - timedelta(hours=1), finished_at=None)

    again = clean(report_id=report.pk)

    assert (again.state, again.steps.count(), step(again, "normalised").count) == ("done", 5, 1)
    assert take_back(step=step(again, "normalised"), by=person(admin)) == 1


def test_only_an_administrator_cleans_and_takes_back(supervisor: Membership, mail: Channel) -> None:
    writes(mail, "ana@ejemplo.cl", name="Ana Soto")
    Identifier.scoped().update(key_version=0)
    done = step(run(), "normalised")
    with pytest.raises(PermissionDenied):
        ask_for_cleaning(by=person(supervisor))
    with pytest.raises(PermissionDenied):
        take_back(step=done, by=person(supervisor))
    done.refresh_from_db()
    assert (CleaningReport.scoped().count(), done.undone_at) == (1, None)


class TestPages:
    def test_the_page_shows_the_report_with_its_undo(
        self, admin_client: Client, supervisor_client: Client, account: Account, mail: Channel
    ) -> None:
        writes(mail, "ana@ejemplo.cl", name="Ana Soto")
        Identifier.scoped().update(key_version=0)
        page = reverse("contacts:quality", args=[account.slug])
        assert admin_client.post(reverse("contacts:quality_clean", args=[account.slug])).headers["Location"] == page
        waiting = CleaningReport.scoped().get()
        progress = reverse("contacts:quality_report", args=[account.slug, waiting.pk])
        assert progress in admin_client.get(page).content.decode()
        assert "HX-Refresh" not in admin_client.get(progress).headers
        done = step(clean(report_id=waiting.pk), "normalised")
        assert admin_client.get(progress).headers["HX-Refresh"] == "true"

        back = reverse("contacts:quality_take_back", args=[account.slug, done.pk])
        assert back in admin_client.get(page).content.decode()
        assert back not in supervisor_client.get(page).content.decode()
        admin_client.post(back)
        done.refresh_from_db()
        assert done.undone_at is not None
