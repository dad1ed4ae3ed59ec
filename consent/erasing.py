"""What consent does when a person is erased: nobody writes to them by accident again, and what proved their words is gone."""

from functools import partial

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.redacting import redact_json
from consent.evidence import destroy_keys
from consent.fingerprints import point_of
from consent.models import OptInRequest, Preference, RightsRequest
from consent.points import ADDRESSES
from consent.suppressing import suppress
from consent.vocabulary import Origin, SuppressionReason
from contacts.erasers import Person, Report
from contacts.models import Certainty, EndReason, Identifier, Profile, Source

# Whoever chats may type anybody's address; these sources are our own people and systems.
OURS = frozenset({Source.AGENT, Source.API, Source.IMPORT, Source.CRM})
# Somebody else has it now.
OTHERS_NOW = frozenset({EndReason.RECYCLED, EndReason.MOVED})


def forget_consents(person: Person, report: Report) -> None:
    """Registered with ``contacts.erasers``. The ledger stays and still verifies: it holds fingerprints and digests."""
    now = timezone.now()
    suppressed = {}
    for identifier in _addresses_of_theirs(person):
        ref = point_of(identifier)
        suppressed[ref.lookup] = suppress(
            ref=ref,
            reason=SuppressionReason.ERASED,
            at=now,
            key=f"erasure:{identifier.profile_id}",
            origin=Origin.SYSTEM,
        )
    report.kept["suppression"] = f"Irreversible fingerprints of {len(suppressed)} addresses, so that nobody writes to them by accident."
    report.kept["ledger"] = "Consent events without personal data; what proved them cannot be read any more."
    report.removed["evidence_keys"] += destroy_keys(person.profile_ids)
    mine = {"profile__in": person.profile_ids}
    report.removed["preferences"] += Preference.scoped().filter(**mine).delete()[0]
    OptInRequest.scoped().filter(**mine).delete()
    _forget_archives(person, report)
    for column in ("detail", "outcome"):
        redact_json(RightsRequest.scoped().filter(**mine), column, person.values | person.names)
    for history in (Preference.history, RightsRequest.history):
        history.filter(**mine).delete()


def _forget_archives(person: Person, report: Report) -> None:
    """Copies of their data that a request made, of which somebody may still have fetched one."""
    about = Q(profile__in=person.profile_ids)
    for profile_id in person.profile_ids:
        about |= Q(detail__profiles__contains=[profile_id])
    for request in RightsRequest.scoped().filter(about, outcome__has_key="archive"):
        transaction.on_commit(partial(default_storage.delete, request.outcome.pop("archive")))
        request.outcome.pop("expires_at", None)
        request.save(update_fields=["outcome"])
        report.removed["archives"] += 1


def _addresses_of_theirs(person: Person) -> list[Identifier]:
    """Those that were the person's for sure, or that we would write to: not what a visitor typed, which may be anybody's, and not what
    another source of the same person still carries."""
    profiles = {profile.pk: profile for profile in Profile.scoped().filter(pk__in=person.profile_ids)}
    rest = Identifier.scoped().filter(profile__contact__in={profile.contact_id for profile in profiles.values()}, valid_to=None)
    still_used = set(rest.exclude(profile__in=person.profile_ids).values_list("kind", "key"))
    return [
        each
        for each in person.identifiers
        if each.kind in ADDRESSES
        and each.end_reason not in OTHERS_NOW
        and (each.kind, each.key) not in still_used
        and _is_theirs(each, profiles[each.profile_id])
    ]


def _is_theirs(identifier: Identifier, profile: Profile) -> bool:
    return identifier.certainty != Certainty.CLAIMED or identifier.value == profile.address or profile.source in OURS
