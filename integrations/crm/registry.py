"""Every connector, by name: a new one is added here."""

from integrations.crm.carddav.connector import CardDav
from integrations.crm.carddav.google import GoogleContacts
from integrations.crm.contract import Connector
from integrations.crm.hubspot.connector import HubSpot
from integrations.crm.rest.connector import Rest
from integrations.crm.salesforce.connector import Salesforce
from integrations.crm.tryton.connector import Tryton

CONNECTORS: dict[str, type[Connector]] = {each.kind: each for each in (HubSpot, Salesforce, GoogleContacts, CardDav, Tryton, Rest)}


def connector_of(kind: str) -> type[Connector]:
    """Raises ``KeyError`` for a kind that there is not."""
    return CONNECTORS[kind]
