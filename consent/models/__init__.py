"""The tables of consent. Those about people refer to ``contacts.Profile`` or to a contact point, never to a contact."""

from consent.models.administration import LedgerCheck, ReconsentCampaign, ReconsentInvitation, RetentionRule, RetentionRun
from consent.models.deciding import Decision, PolicySnapshot, ServiceWindow
from consent.models.ledger import ConsentEvent, ConsentState, Evidence, LedgerAnchor, ProfileKey
from consent.models.people import OptInRequest, Preference, RightsRequest
from consent.models.points import ContactPoint, Suppression
from consent.models.policy import CountryRule, CountryRuleCorrection, GatePolicy, NoticeVersion, Purpose
from consent.models.portal import PortalProof, PortalSettings, PortalSignIn, PortalVisit
from consent.models.registries import RegistryCopy

__all__ = [
    "ConsentEvent",
    "ConsentState",
    "ContactPoint",
    "CountryRule",
    "CountryRuleCorrection",
    "Decision",
    "Evidence",
    "GatePolicy",
    "LedgerAnchor",
    "LedgerCheck",
    "NoticeVersion",
    "OptInRequest",
    "PolicySnapshot",
    "PortalProof",
    "PortalSettings",
    "PortalSignIn",
    "PortalVisit",
    "Preference",
    "ProfileKey",
    "Purpose",
    "ReconsentCampaign",
    "ReconsentInvitation",
    "RegistryCopy",
    "RetentionRule",
    "RetentionRun",
    "RightsRequest",
    "ServiceWindow",
    "Suppression",
]
