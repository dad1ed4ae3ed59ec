"""Whose message it is: the profile that stands for a user or a visitor of a source.

A visitor is a profile of its own until it says who it is: then its profile becomes the user's, or, where the user is known already,
the two people are joined. A browser that a second user signs in to keeps belonging to the first one.
"""

from django.db import transaction

from accounts.actors import Actor
from contacts.claims import Claim, ClaimedIdentifier
from contacts.locks import lock_keys
from contacts.matching import take_record
from contacts.merging import Refused, merge
from contacts.models import Contact, Profile, Source
from integrations.cdp.reading import Said
from integrations.models import CustomerDataSource, CustomerRecord

Kind = CustomerRecord.Kind
CAUSE = "customer_data"
PLATFORM = Actor(kind="rule", name=CAUSE)
IDENTIFIER: dict[str, str] = {Kind.USER: "app_user", Kind.ANONYMOUS: "visitor"}


class Joiner:
    """The way from one message of a source to its profile. Every step is a transaction of its own, and safe to take again."""

    def __init__(self, *, source: CustomerDataSource, cause: str) -> None:
        self.source, self.cause = source, cause

    def place(self, said: Said) -> Profile:
        """The profile that the message belongs to, made or renewed where it has to be."""
        if said.kind == "alias":
            return self._alias(said)
        if not said.user_id:
            return self._take(said, Kind.ANONYMOUS, said.anonymous_id)
        if said.anonymous_id:
            self._adopt(said.user_id, said.anonymous_id)
        profile = self._take(said, Kind.USER, said.user_id)
        if said.anonymous_id and not self._join(profile, Kind.ANONYMOUS, said.anonymous_id):
            self._note_visitor(profile, said.anonymous_id)
        return profile

    def _alias(self, said: Said) -> Profile:
        """``previousId`` is the same person as ``userId``: a visitor of before, or a user by another name."""
        self._adopt(said.user_id, said.previous_id)
        profile = self._take(said, Kind.USER, said.user_id)
        for kind in (Kind.ANONYMOUS, Kind.USER):
            self._join(profile, kind, said.previous_id)
        return profile

    @transaction.atomic
    def _adopt(self, user_id: str, anonymous_id: str) -> None:
        """A visitor who says for the first time who they are, and is nobody known yet, is that user."""
        self._lock(Kind.USER, user_id)
        if self._find(Kind.USER, user_id) is not None:
            return
        visitor = self._find(Kind.ANONYMOUS, anonymous_id)
        if visitor is not None and not self._is_a_users(visitor.profile_id):
            self._remember(Kind.USER, user_id, visitor.profile)

    @transaction.atomic
    def _take(self, said: Said, kind: str, external_id: str) -> Profile:
        """The profile of the id, with what the message says of its person."""
        self._lock(kind, external_id)
        known = self._find(kind, external_id)
        tells = said.kind == "identify"
        if known is not None and not tells and self._carries(known.profile, kind, external_id):
            return known.profile
        claim = self._claim(said if tells else None, kind, external_id)
        found = take_record(
            source=Source.API, claim=claim, occurred_at=said.occurred_at, cause=self.cause, profile=known.profile if known else None
        )
        if known is None:
            self._remember(kind, external_id, found.profile)
        return found.profile

    def _join(self, profile: Profile, kind: str, external_id: str) -> bool:
        """Another record of the source is this profile's person: one contact from now on. False where there is no such record.

        A visitor's browser that is another user's already joins nobody, and neither do people who were marked as different.
        """
        other = self._find(kind, external_id)
        if other is None:
            return False
        if other.profile_id == profile.pk or (kind == Kind.ANONYMOUS and self._is_a_users(other.profile_id)):
            return True
        contacts = Contact.scoped().filter(profiles__in=(profile.pk, other.profile_id)).distinct().order_by("pk")
        try:
            if len(found := list(contacts)) > 1:
                merge(contacts=found, by=PLATFORM, cause=CAUSE, evidence={"source": self.source.pk})
        except Refused:
            return True
        return True

    @transaction.atomic
    def _note_visitor(self, profile: Profile, anonymous_id: str) -> None:
        """What this visitor does from now on without saying who they are is this profile's."""
        self._lock(Kind.ANONYMOUS, anonymous_id)
        if self._find(Kind.ANONYMOUS, anonymous_id) is None:
            self._remember(Kind.ANONYMOUS, anonymous_id, profile)

    def _claim(self, said: Said | None, kind: str, external_id: str) -> Claim:
        identifiers = [ClaimedIdentifier(kind=IDENTIFIER[kind], raw=external_id, scope=self._scope)]
        if said is not None:
            addresses = (("email", said.email), ("phone", said.phone))
            identifiers += [ClaimedIdentifier(kind=name, raw=value) for name, value in addresses if value is not None]
        return Claim(identifiers=tuple(identifiers), given=said.given if said is not None else {})

    @property
    def _scope(self) -> str:
        return f"customer_data:{self.source.pk}"

    def _lock(self, kind: str, external_id: str) -> None:
        """One per transaction, before any match key and contact."""
        lock_keys([(f"{self._scope}:{kind}", external_id)])

    def _find(self, kind: str, external_id: str) -> CustomerRecord | None:
        rows = CustomerRecord.scoped().select_related("profile")
        return rows.filter(source=self.source, kind=kind, external_id=external_id).first()

    def _carries(self, profile: Profile, kind: str, external_id: str) -> bool:
        return profile.identifiers.filter(kind=IDENTIFIER[kind], scope=self._scope, raw=external_id).exists()

    def _is_a_users(self, profile_id: int) -> bool:
        return CustomerRecord.scoped().filter(source=self.source, kind=Kind.USER, profile=profile_id).exists()

    def _remember(self, kind: str, external_id: str, profile: Profile) -> None:
        CustomerRecord.objects.create(source=self.source, kind=kind, external_id=external_id, profile=profile)
