"""Who is behind a browser, beyond what the socket's tests show."""

from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import Account, Channel
from contacts.models import Contact, Identifier
from integrations.channels.webchat.identity import HostIdentity
from integrations.channels.webchat.visitors import make_visitor, open_visitor
from integrations.channels.webchat.writing import ContactForm, submit_form, write
from integrations.models import Visitor
from tests.conftest import make_channel


@pytest.fixture
def chat(scoped: Account) -> Channel:
    return make_channel(scoped, "webchat")


def test_a_message_is_noted_on_the_channel_once_a_minute(chat: Channel) -> None:
    visitor = make_visitor(channel=chat).visitor
    write(visitor=visitor, message_id=uuid4(), text="Hola")
    first = Channel.scoped().get(pk=chat.pk).last_event_at
    assert first is not None
    write(visitor=visitor, message_id=uuid4(), text="¿Hay alguien?")
    assert Channel.scoped().get(pk=chat.pk).last_event_at == first


def test_a_voucher_that_turns_out_to_be_another_persons_gives_the_visitor_their_profile(chat: Channel) -> None:
    visitor = make_visitor(channel=chat).visitor
    submit_form(visitor=visitor, form=ContactForm("Ana Pérez", "ana@ejemplo.cl", ""))
    anas = visitor.profile_id
    # Ana's email was taken out of use meanwhile: only the name and the history speak against Juan being her.
    Identifier.objects.filter(kind="email").update(valid_to=timezone.now())

    opened = open_visitor(channel=chat, known=visitor, identity=HostIdentity("17", email="juan@otro.cl", name="Juan Soto"))

    stored = Visitor.objects.select_related("profile__contact").get(pk=opened.visitor.pk)
    assert stored.profile is not None
    assert (stored.profile_id != anas, stored.profile.contact.name) == (True, "Juan Soto")
    assert Contact.objects.get(profiles=anas).name == "Ana Pérez"
