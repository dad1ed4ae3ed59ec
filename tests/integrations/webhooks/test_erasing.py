"""An erased person is in no log, on no way, and subscribers are told to forget them."""

import threading
from typing import Any

import pytest

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, Channel, Membership
from accounts.scope import account_scope
from contacts.correcting import correct_field
from contacts.erasing import erase
from contacts.merging import merge
from contacts.models import Contact, Profile
from integrations.models import WebhookAttempt, WebhookDelivery
from integrations.webhooks.delivering import deliver
from tests.committed import db  # noqa: F401
from tests.contacts.stories import writes
from tests.integrations.provider import Answer, Provider
from tests.integrations.webhooks.receiver import deliver_all, heard, subscribe_to, types
from tests.leftovers import places_of

pytestmark = pytest.mark.usefixtures("db")


def test_the_log_forgets_them_and_the_others_stay(receiver: Provider, whatsapp: Channel, admin: Membership) -> None:
    _subscription, secret = subscribe_to(receiver)
    hers = writes(whatsapp, "56987650001", 0, name="Zubaida Quintín").contact
    writes(whatsapp, "56987650002", 1, name="Otra Persona")
    deliver_all()
    assert set(places_of(["Zubaida"])["Zubaida"]) >= {"integrations_webhookattempt"}

    erase(profiles=list(hers.profiles.all()), by=Actor.person(admin))
    deliver_all()

    assert places_of(["Zubaida", "56987650001"]) == {}
    assert "integrations_webhookattempt" in places_of(["Otra Persona"])["Otra Persona"]
    last = heard(receiver, secret)[-1]
    assert (last["type"], last["data"]["contact"], last["data"]["is_whole"]) == ("contact.erased", {"id": hers.pk}, True)
    assert "Zubaida" not in str(last)


def test_what_waited_is_not_sent(receiver: Provider, whatsapp: Channel, admin: Membership) -> None:
    subscribe_to(receiver, ["contact.created", "contact.updated", "contact.erased"])
    hers = writes(whatsapp, "56987650003", name="Zubaida").contact

    erase(profiles=list(hers.profiles.all()), by=Actor.person(admin))
    deliver_all()

    assert types(receiver) == ["contact.erased"]
    assert b"Zubaida" not in b"".join(asked.body for asked in receiver.asked)
    assert list(WebhookDelivery.scoped().order_by("pk").values_list("state", flat=True)) == ["skipped", "delivered"]


def test_one_profile_of_a_merged_contact_leaves_the_rest_told(receiver: Provider, whatsapp: Channel, admin: Membership) -> None:
    one, other = (
        writes(whatsapp, number, hours, name=name).contact
        for number, hours, name in (("56987650004", 0, "Ana"), ("56987650005", 1, "Zubaida"))
    )
    merge(contacts=[one, other], by=Actor.person(admin))
    _subscription, secret = subscribe_to(receiver, ["contact.updated", "contact.erased"])
    correct_field(contact=Contact.scoped().get(pk=one.pk), field="city", value="Temuco", by=Actor.person(admin))
    deliver_all()

    erase(profiles=[Profile.scoped().get(address="56987650005")], by=Actor.person(admin))
    deliver_all()

    assert "integrations_webhookattempt" not in places_of(["56987650005"]).get("56987650005", [])
    told = {body["type"]: body["data"] for body in heard(receiver, secret)[1:]}
    assert set(told) == {"contact.erased", "contact.updated"}
    assert told["contact.erased"]["is_whole"] is False
    assert "56987650005" not in str(told)
    assert WebhookAttempt.scoped().filter(request__body__icontains="Temuco").count() == 1


def test_an_erasure_while_the_request_is_under_way_leaves_nothing_in_the_log(
    receiver: Provider, whatsapp: Channel, scoped: Account, admin: Membership
) -> None:
    subscribe_to(receiver, ["contact.created"])
    hers = writes(whatsapp, "56987650006", name="Zubaida").contact
    arrived, erased = threading.Event(), threading.Event()

    def slow(_asked: Any) -> Answer:
        arrived.set()
        assert erased.wait(20)
        return Answer(200, {"you sent": "Zubaida"})

    receiver.otherwise = slow
    pk = WebhookDelivery.scoped().get().pk

    def work() -> None:
        from django.db import connections

        with account_scope(scoped):
            deliver(delivery_id=pk)
        connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    assert arrived.wait(20)
    erase(profiles=list(hers.profiles.all()), by=SYSTEM)
    erased.set()
    worker.join(20)

    attempt = WebhookAttempt.scoped().get()
    assert (attempt.status, attempt.request, attempt.answer) == (200, {"erased": True}, {"erased": True})
    assert places_of(["Zubaida"]) == {}
