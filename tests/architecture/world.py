"""A small account with one of everything, and a way to tell whether anything in the database changed."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from accounts.actors import SYSTEM, Actor
from accounts.models import Account, ApiToken, Channel, Membership
from accounts.roles import Role
from accounts.row_security import tenant_tables
from accounts.scope import account_scope
from accounts.tokens import create_token
from consent.fingerprints import point_of
from consent.ledger import record
from consent.models import ConsentEvent, Purpose, ReconsentCampaign, RightsRequest
from consent.notices import publish_notice
from consent.vocabulary import Action, Origin
from contacts.claims import Address, Claim, ClaimedIdentifier
from contacts.deciding import defer
from contacts.merging import merge
from contacts.models import (
    Contact,
    DeduplicationRun,
    Identifier,
    IdentityReview,
    MergeEvent,
    MergeSuggestion,
    PendingLookup,
    Profile,
    SuggestionDecision,
    UnificationRun,
)
from contacts.quality.models import CleaningReport, CleaningStep, RecomputeRun, ReviewCampaign, ReviewCard
from contacts.suggesting import suggest
from inbox.adapters import InboundMessage
from inbox.models import Attachment, Conversation, InboundEvent, Message
from inbox.receiving import receive
from integrations.cdp.sources import create_source
from integrations.models import (
    Conflict,
    Connection,
    CustomerDataMessage,
    CustomerDataSource,
    DeadLetter,
    Export,
    ExternalRecord,
    Import,
    ImportRun,
    RejectedRow,
    ScheduledExport,
    SyncRun,
    WebhookDelivery,
    WebhookSubscription,
)
from integrations.models import Mapping as MappingLine
from integrations.syncing.connecting import connect
from integrations.webhooks.subscribing import prepare_test, subscribe
from tests.conftest import client_for, make_account, make_channel, make_member


@dataclass
class World:
    # Stands in every text of the account: an answer that holds it shows something of this account.
    mark: str
    account: Account
    members: dict[str, Membership]
    channel: Channel
    contact: Contact
    merged: Contact
    profile: Profile
    identifier: Identifier
    conversation: Conversation
    message: Message
    attachment: Attachment
    event: MergeEvent
    rights_request: RightsRequest
    # One with an archive to fetch.
    answered_request: RightsRequest
    # The profile that the merge brought in.
    joined: Profile
    # Somebody who may be the contact, put off by a decision.
    suggestion: MergeSuggestion
    decision: SuggestionDecision
    # An event that could not be read.
    stored_event: InboundEvent
    unification_run: UnificationRun
    token: ApiToken
    # A join that waits for a person.
    review: IdentityReview
    # A review under way with one card, and what a night's cleaning did.
    campaign: ReviewCampaign
    card: ReviewCard
    cleaning: CleaningReport
    cleaning_step: CleaningStep
    # A search for duplicates that waits, and contacts computed anew.
    search: DeduplicationRun
    recomputation: RecomputeRun
    # A site that sends customer data, and a message of it that made no sense.
    customer_source: CustomerDataSource
    customer_message: CustomerDataMessage
    # Somebody who would hear of a merge, and a test that was sent there.
    webhook: WebhookSubscription
    webhook_delivery: WebhookDelivery
    # A purpose whose people are asked again, and something that was said about it.
    purpose: Purpose
    reconsent: ReconsentCampaign
    said: ConsentEvent
    # Another system with a line of its mapping, a run that is over, a conflict to settle and a record that was refused.
    connection: Connection
    connection_line: MappingLine
    connection_run: SyncRun
    connection_conflict: Conflict
    connection_letter: DeadLetter
    # A file that was uploaded and checked, and its check with a rejected row.
    upload: Import
    import_run: ImportRun
    # A file of everybody that waits to be written.
    bulk_export: Export
    scheduled_export: ScheduledExport
    # Role → a bearer token, and the session of somebody signed in.
    secrets: dict[str, str]
    sessions: dict[str, str]
    # Somebody to act upon, who is none of those who act.
    member: Membership


def make_world(mark: str) -> World:
    account = make_account(mark.lower(), unification_enabled=True)
    members = {role.value: make_member(account, role, f"{role.value}{mark}") for role in Role}
    channel = make_channel(
        account,
        "whatsapp",
        f"Canal {mark}",
        settings={"phone_number_id": "1", "api_base": "http://127.0.0.1:1"},
        secrets={"access_token": "x", "app_secret": "x"},
    )
    other = make_member(account, Role.AGENT, f"otra{mark}")
    with account_scope(account):
        first = _hear(channel, mark, "56911112222", 0)
        second = _hear(channel, mark, "56911113333", 1)
        conversation = Conversation.objects.get(strands=first.strand_id)
        profile = Profile.objects.get(pk=conversation.profile_id)
        merged = Contact.objects.get(profiles__strands=second.strand_id)
        event = merge(contacts=[profile.contact, merged], by=Actor.person(members["supervisor"]))
        attachment = Attachment.objects.create(
            message=first,
            state=Attachment.State.STORED,
            file=ContentFile(mark.encode(), name="a.txt"),
            name=f"{mark}.txt",
            content_type="text/plain",
            size=len(mark),
        )
        third = _hear(channel, mark, "56911114444", 2)
        suggestion = suggest(low=profile, high=Profile.objects.get(strands=third.strand_id), origin="dedup", probability=0.9)
        assert suggestion is not None
        known = Identifier.objects.filter(profile=profile).order_by("pk")[0]
        campaign = ReviewCampaign.objects.create(kind="stale", started_by=members["supervisor"])
        cleaning = CleaningReport.objects.create(state="done", finished_at=timezone.now())
        before = [{"id": known.pk, "value": known.value, "key": known.key, "loose_key": "", "key_version": 0}]
        customer_source, _key = create_source(name=f"Sitio {mark}", by=SYSTEM)
        webhook, _secret = subscribe(name=f"Aviso {mark}", url="https://localhost:1/hook", events=["contact.merged"], by=SYSTEM)
        webhook_delivery = prepare_test(subscription=webhook, by=SYSTEM)
        WebhookDelivery.objects.update(state="failed")
        settings_there = {"url": "http://127.0.0.1:1", "database": "x", "user": "x", "password": "x"}
        connection = connect(kind="tryton", name=f"Tryton {mark}", settings=settings_there, by=SYSTEM)
        record = ExternalRecord.objects.create(connection=connection, object_type="party.party", external_id="1", profile=profile)
        # No worker that another test left running finds anything to do here.
        PendingLookup.objects.all().delete()
        token, _secret = create_token(membership=other, name=f"Token {mark}", by=SYSTEM)
        upload = Import.objects.create(
            kind="contacts",
            format="csv",
            name=f"{mark}.csv",
            file=ContentFile(f"nombre;correo\n{mark};x@ejemplo.cl\n".encode(), name="x"),
            size=1,
            encoding="utf-8-sig",
            delimiter=";",
            headings=["nombre", "correo"],
            mapping=["name", "email"],
        )
        import_run = ImportRun.objects.create(imported=upload, kind="check", state="done", figures={"counts": {"created": 1}})
        RejectedRow.objects.create(run=import_run, number=3, cells=[mark], reason="empty")
        tokens = {role: create_token(membership=member, name="matriz", by=SYSTEM)[1] for role, member in members.items()}
        return World(
            mark=mark,
            account=account,
            members=members,
            channel=channel,
            contact=Contact.objects.get(pk=profile.contact_id),
            merged=merged,
            profile=profile,
            identifier=known,
            conversation=Conversation.objects.get(pk=conversation.pk),
            message=first,
            attachment=attachment,
            event=event,
            rights_request=_request(profile),
            answered_request=_request(profile, f"exports/{mark}.zip"),
            joined=Profile.objects.get(strands=second.strand_id),
            suggestion=suggestion,
            decision=defer(suggestion=suggestion, by=Actor.person(members["supervisor"])),
            stored_event=InboundEvent.objects.create(
                channel=channel, body=mark.encode(), sha256=bytes(32), state=InboundEvent.State.UNREADABLE
            ),
            unification_run=UnificationRun.objects.create(kind="preview", state="done"),
            token=token,
            review=IdentityReview.objects.create(kind="shared_join", profile=profile, value_kind="email", key=f"{mark.lower()}@ejemplo.cl"),
            campaign=campaign,
            card=ReviewCard.objects.create(campaign=campaign, number=1, profile=profile, identifier=known),
            cleaning=cleaning,
            cleaning_step=CleaningStep.objects.create(report=cleaning, kind="normalised", count=1, before=before),
            search=DeduplicationRun.objects.create(kind="changed"),
            recomputation=RecomputeRun.objects.create(state="done"),
            customer_source=customer_source,
            customer_message=CustomerDataMessage.objects.create(
                source=customer_source, message_id=mark, kind="group", body={"userId": mark}, state="rejected"
            ),
            webhook=webhook,
            webhook_delivery=webhook_delivery,
            purpose=Purpose.objects.get(key="marketing"),
            reconsent=ReconsentCampaign.objects.create(purpose=Purpose.objects.get(key="marketing"), number=1, state="done"),
            said=_agree(profile, known, mark),
            connection=connection,
            connection_line=MappingLine.objects.filter(connection=connection).order_by("pk")[0],
            connection_run=SyncRun.objects.create(connection=connection, kind="rehearsal", state="done", finished_at=timezone.now()),
            connection_conflict=Conflict.objects.create(connection=connection, record=record, kind="deletion"),
            connection_letter=DeadLetter.objects.create(
                connection=connection, direction="out", object_type="party.party", profile=profile, error="x"
            ),
            upload=upload,
            import_run=import_run,
            bulk_export=Export.objects.create(kind="contacts", format="csv", state="done", filters={"q": mark, "fix": ""}),
            scheduled_export=ScheduledExport.objects.create(
                name=mark, tables=["contacts"], format="csv", place="folder", next_at=timezone.now(), is_active=False
            ),
            secrets=tokens,
            sessions={role: client_for(member).cookies[settings.SESSION_COOKIE_NAME].value for role, member in members.items()},
            member=other,
        )


def _hear(channel: Channel, mark: str, sender: str, minutes: int) -> Message:
    message = receive(
        channel=channel,
        inbound=InboundMessage(
            provider_id=f"matrix-{channel.pk}-{sender}",
            sender=Address("whatsapp", sender),
            occurred_at=timezone.now() - timedelta(minutes=10 - minutes),
            claim=Claim((ClaimedIdentifier("email", f"{mark.lower()}{sender}@ejemplo.cl"),), {"name": mark}),
            body=f"Hola, soy {mark}",
        ),
    )
    assert message is not None
    return message


# What may change without anybody having done anything: when a token was used last, when somebody signed in last.
NOT_COUNTED = {"accounts_apitoken": ("last_used_at",), "accounts_user": ("last_login",)}


def fingerprint(*worlds: World) -> str:
    """One hash over every row of the accounts and over all users."""
    digest = hashlib.sha256()
    for world in worlds:
        with account_scope(world.account), connection.cursor() as cursor:
            digest.update(repr(_asked_once("world_everything", _everything(), cursor)).encode())
    return digest.hexdigest()


def counted(world: World, tables: Iterable[str]) -> str:
    """How many rows of these tables the account sees."""
    parts = (f"SELECT '{table}', count(*) FROM {connection.ops.quote_name(table)}" for table in sorted(tables))
    with account_scope(world.account), connection.cursor() as cursor:
        return repr(_asked_once("world_counted", " UNION ALL ".join(parts), cursor))


def _asked_once(name: str, question: str, cursor: Any) -> list[Any]:
    """The answer; planning a union of a hundred tables takes longer than answering it, so each connection plans it once."""
    cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE name = %s", [name])
    if not cursor.fetchone()[0]:
        cursor.execute(f"PREPARE {name} AS {question}")
    cursor.execute(f"EXECUTE {name}")
    rows: list[Any] = cursor.fetchall()
    return rows


@cache
def _everything() -> str:
    parts = []
    for table in [*sorted(tenant_tables()), "accounts_user"]:
        row = f"md5((to_jsonb(t){''.join(f' - {name!r}' for name in NOT_COUNTED.get(table, ()))})::text)"
        parts.append(f"SELECT '{table}', count(*), md5(string_agg({row}, '' ORDER BY {row})) FROM {table} t")
    return " UNION ALL ".join(parts)


def ids_of(world: World, names: Mapping[str, str]) -> dict[str, int]:
    """The ids that a route's keywords stand for."""
    return {keyword: getattr(world, attribute).pk for keyword, attribute in names.items()}


def filled_in(body: Any, world: World) -> Any:
    """The body with the world's ids where it says ``@profile``."""
    match body:
        case Mapping():
            return {name: filled_in(value, world) for name, value in body.items()}
        case list():
            return [filled_in(value, world) for value in body]
        case str() if body.startswith("@"):
            return getattr(world, body[1:]).pk
    return body


def _agree(profile: Profile, known: Identifier, mark: str) -> ConsentEvent:
    """Under a wording that says whose it is, with the words as evidence."""
    (notice,) = publish_notice(
        purpose=Purpose.objects.get(key="marketing"), texts={"es": f"Novedades de {mark}"}, is_material=True, by=SYSTEM
    )
    return record(
        ref=point_of(known),
        action=Action.GRANT,
        origin=Origin.MESSAGE,
        occurred_at=timezone.now(),
        key="matriz",
        profile=profile,
        purpose="marketing",
        possession_proven=True,
        notice=notice,
        proof={"said": f"Sí, soy {mark}"},
    )


def _request(profile: Profile, archive: str = "") -> RightsRequest:
    now = timezone.now()
    outcome = {"archive": archive, "expires_at": (now + timedelta(days=365)).isoformat()} if archive else {}
    return RightsRequest.objects.create(
        kind=RightsRequest.Kind.ACCESS,
        status=RightsRequest.Status.DONE if archive else RightsRequest.Status.RECEIVED,
        profile=profile,
        source="portal",
        outcome=outcome,
        received_at=now,
        due_at=now + timedelta(days=30),
        closed_at=now if archive else None,
    )
