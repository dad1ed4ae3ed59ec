"""What the keys leave open is scored after the message, and the likeliest is put before a person, whoever says so later."""

from collections.abc import Callable
from unittest.mock import patch

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account, Channel, MatchingPolicy, Membership, NameConflict
from contacts import candidates
from contacts.candidates import likely_same
from contacts.deciding import reject
from contacts.deduplication.parameters import shipped
from contacts.deduplication.policy import is_asked
from contacts.deduplication.reading import read_some
from contacts.deduplication.records import read
from contacts.deduplication.scoring import Scorer
from contacts.duplicates_card import possible_duplicates
from contacts.marking import mark_shared
from contacts.match_models import scorer_for
from contacts.models import CrowdedKey, MatchModel, MergeSuggestion, NeverMerge, PendingLookup, Profile
from contacts.suggesting_similar import GRACE, MOST_ATTEMPTS, suggest_similar, waiting
from tests.conftest import make_channel
from tests.contacts.stories import identifier_of, person, tells, writes


@pytest.fixture
def webchat(scoped: Account) -> Channel:
    return make_channel(scoped, "webchat")


def choose(account: Account, **settings: object) -> None:
    for name, value in settings.items():
        setattr(account, name, value)
    account.save()


def two_alike(whatsapp: Channel, webchat: Channel) -> tuple[Profile, Profile]:
    """One person who gives another spelling of the email and no phone: no key joins them."""
    known = writes(whatsapp, "56981234567", name="María Pérez Soto").profile
    tells(known, 1, email="maria.perez84@uno.cl", date_of_birth="1984-03-25")
    new = writes(webchat, "visitor-1", 2).profile
    tells(new, 3, name="Maria Perez", email="maria.perez84@dos.cl", date_of_birth="1984-03-25")
    return known, new


def test_who_is_alike_is_suggested_with_probability_evidence_and_model(
    scoped: Account, whatsapp: Channel, webchat: Channel, agent: Membership
) -> None:
    known, new = two_alike(whatsapp, webchat)
    model = MatchModel.objects.create(version=1, parameters=shipped(records=500).as_json(), trained_on=500)
    assert set(PendingLookup.scoped().values_list("profile_id", flat=True)) == {known.pk, new.pk}

    [made] = suggest_similar(profile_id=new.pk)
    assert (made.low_id, made.high_id, made.origin, made.model, made.state) == (known.pk, new.pk, "similar", model, "open")
    a, b = sorted(read_some([known.pk, new.pk]), key=lambda record: record.id)
    assert made.weight == pytest.approx(Scorer(shipped(records=500)).weight(a, b))
    assert made.probability is not None
    assert made.probability > 0.7
    assert {piece["comparison"] for piece in made.evidence} >= {"given", "surname", "email", "born"}
    assert Profile.scoped().get(pk=known.pk).contact_id != Profile.scoped().get(pk=new.pk).contact_id, "it suggests, it does not merge"

    card = possible_duplicates(contact=known.contact, membership=agent)
    assert card is not None
    [row] = card["rows"]
    assert row["contact"].pk == Profile.scoped().get(pk=new.pk).contact_id
    assert row["percent"] > 70

    # Done once; the other side finds the same pair and makes no second suggestion of it.
    assert suggest_similar(profile_id=new.pk) == []
    suggest_similar(profile_id=known.pk)
    assert MergeSuggestion.scoped().count() == 1
    assert not PendingLookup.scoped().exists()


def test_the_open_screens_are_told(
    scoped: Account, whatsapp: Channel, webchat: Channel, django_capture_on_commit_callbacks: Callable
) -> None:
    _known, new = two_alike(whatsapp, webchat)
    with patch("contacts.suggesting_similar.contacts_changed.send") as told:
        suggest_similar(profile_id=new.pk)
    assert sorted(told.call_args.kwargs["contact_ids"]) == sorted(set(Profile.scoped().values_list("contact_id", flat=True)))


def test_a_worker_is_asked_once_the_message_is_stored(
    scoped: Account, whatsapp: Channel, django_capture_on_commit_callbacks: Callable
) -> None:
    with patch("contacts.tasks.suggest_similar_people.apply_async") as asked, django_capture_on_commit_callbacks(execute=True):
        profile = writes(whatsapp, "56981234567", name="María Pérez").profile
        asked.assert_not_called()
    asked.assert_called_once_with(kwargs={"account_id": scoped.pk, "profile_id": profile.pk}, countdown=None, retry=False)
    # Nothing new, nothing asked.
    with patch("contacts.tasks.suggest_similar_people.apply_async") as asked, django_capture_on_commit_callbacks(execute=True):
        writes(whatsapp, "56981234567", 1, name="María Pérez")
    asked.assert_not_called()


def test_what_the_broker_lost_is_asked_again_and_given_up_in_the_end(scoped: Account, whatsapp: Channel) -> None:
    profile = writes(whatsapp, "56981234567", name="María Pérez").profile
    assert list(waiting()) == []
    PendingLookup.scoped().update(asked_at=timezone.now() - GRACE * 2)
    assert list(waiting()) == [profile.pk]
    with patch("contacts.suggesting_similar.likely_same", side_effect=MemoryError):
        for _attempt in range(MOST_ATTEMPTS):
            with pytest.raises(MemoryError):
                suggest_similar(profile_id=profile.pk)
        assert suggest_similar(profile_id=profile.pk) == []
    assert list(waiting()) == []


@pytest.mark.parametrize("chosen", [{"matching_policy": MatchingPolicy.DETERMINISTIC}, {"unification_enabled": False}])
def test_an_account_that_wants_keys_only_asks_for_no_look_up(
    scoped: Account, whatsapp: Channel, webchat: Channel, chosen: dict[str, object]
) -> None:
    choose(scoped, **chosen)
    two_alike(whatsapp, webchat)
    assert not PendingLookup.scoped().exists()


def test_rejected_stays_rejected_and_never_merge_is_not_asked(
    scoped: Account, whatsapp: Channel, webchat: Channel, supervisor: Membership
) -> None:
    known, new = two_alike(whatsapp, webchat)
    [made] = suggest_similar(profile_id=new.pk)
    reject(suggestion=made, by=person(supervisor))
    tells(new, 5, city="Arica")
    assert suggest_similar(profile_id=new.pk) == []
    made.refresh_from_db()
    assert made.state == MergeSuggestion.State.REJECTED

    MergeSuggestion.scoped().all().delete()
    assert NeverMerge.scoped().filter(low=known, high=new).exists()
    tells(new, 6, city="Iquique")
    assert suggest_similar(profile_id=new.pk) == []


def test_a_reason_that_a_rule_gave_stays_beside_the_score(scoped: Account, whatsapp: Channel, webchat: Channel) -> None:
    choose(scoped, name_conflict=NameConflict.SUGGEST)
    known = writes(whatsapp, "56981234567", name="María Pérez").profile
    form = writes(webchat, "visitor-1", 1).profile
    found = tells(form, 2, name="Jorge Rojas", phone="+56981234567")
    [asked] = MergeSuggestion.scoped().all()
    assert (asked.origin, asked.probability, asked.conflicts) == ("name_conflict", None, ["name_conflict"])
    suggest_similar(profile_id=found.profile.pk)
    # Relatives on one phone are no likely pair: the rule's question stays as it was.
    asked.refresh_from_db()
    assert (asked.origin, asked.probability) == ("name_conflict", None)

    choose(scoped, claimed_suggests_only=True)
    again = tells(writes(webchat, "visitor-2", 3).profile, 4, name="María Pérez", phone="+56981234567").profile
    asked = MergeSuggestion.scoped().get(low=known, high=again)
    assert (asked.origin, asked.probability) == ("claimed", None)
    suggest_similar(profile_id=again.pk)
    asked.refresh_from_db()
    assert asked.origin == "claimed"
    assert "claimed" in asked.conflicts
    assert asked.probability is not None
    assert asked.probability > 0.5


def test_a_value_that_people_marked_as_shared_says_nothing(
    scoped: Account, whatsapp: Channel, webchat: Channel, supervisor: Membership
) -> None:
    known, new = two_alike(whatsapp, webchat)
    tells(new, 4, email="ventas.norte@tres.cl")
    before = {one.contact_id: one.weight for one in likely_same(new.pk)}
    mark_shared(identifier=identifier_of(known, "phone"), by=person(supervisor))
    [record] = read_some([known.pk])
    assert record.phone is None
    assert {one.contact_id for one in likely_same(new.pk)} == set(before)


def test_a_crowd_under_one_key_is_noted_and_not_looked_at_again(scoped: Account, instagram: Channel, webchat: Channel) -> None:
    with patch.object(candidates, "CROWDED", 3):
        crowd = [writes(instagram, f"1780{number}", number, name="Juan Soto").profile for number in range(5)]
        assert likely_same(crowd[0].pk) == []
        [key] = CrowdedKey.scoped().all()
        assert key.rule == "name"
        with CaptureQueriesContext(connection) as asked:
            assert likely_same(crowd[1].pk) == []
        # Mine (profile and marks, where there are any), and the look-up, which finds nobody to read.
        assert len(asked.captured_queries) <= 4
    assert CrowdedKey.scoped().count() == 1


def test_a_look_up_asks_the_same_few_questions_however_many_it_finds(scoped: Account, whatsapp: Channel, webchat: Channel) -> None:
    _known, new = two_alike(whatsapp, webchat)
    likely_same(new.pk)
    for number in range(12):
        tells(writes(webchat, f"other-{number}", 10 + number).profile, 30 + number, name="Maria Perez", email=f"maria.perez84@a{number}.cl")
    with CaptureQueriesContext(connection) as asked:
        found = likely_same(new.pk)
    assert len(found) > 8
    assert len(asked.captured_queries) == 5


def test_a_newer_model_is_used_at_once_and_one_that_no_longer_fits_is_not(scoped: Account) -> None:
    parameters = shipped(records=500)
    first = MatchModel.objects.create(version=1, parameters=parameters.as_json())
    scorer, model_id = scorer_for((first.pk, 1))
    assert model_id == first.pk
    assert scorer_for((first.pk, 1))[0] is scorer
    parameters.prior = 0.25
    second = MatchModel.objects.create(version=2, parameters=parameters.as_json())
    newer, model_id = scorer_for((second.pk, 2))
    assert model_id == second.pk
    assert newer.prior > scorer.prior
    del parameters.chances["postcode"]
    old = MatchModel.objects.create(version=3, parameters=parameters.as_json())
    assert scorer_for((old.pk, 3))[1] is None
    assert scorer_for(None)[1] is None


def test_without_a_trained_model_a_name_weighs_as_much_as_an_average_one(scoped: Account) -> None:
    scorer, _model = scorer_for(None)
    one, other = (read({"name": "María Pérez"}, number=number, contact=number, region="CL") for number in (1, 2))
    bits = {piece.comparison: piece.bits for piece in scorer.explain(one, other)}
    assert bits["given"] > 4
    assert bits["surname"] > 4
    # Alone it never asks anybody: people of one name are many.
    assert not is_asked(one, other, scorer.weight(one, other))
