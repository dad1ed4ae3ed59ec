"""How often a visitor, and an address, may do something in the chat."""

from integrations.limits import Limit, address_of, seconds_to_wait

__all__ = ["Limit", "address_of", "seconds_to_wait"]

MESSAGES_OF_VISITOR = Limit("messages", 20, 20)
MESSAGES_OF_ADDRESS = Limit("address-messages", 120, 60)
NEW_VISITORS_OF_ADDRESS = Limit("address-visitors", 30, 60)
CONNECTIONS_OF_ADDRESS = Limit("address-connections", 120, 60)
FORMS_OF_VISITOR = Limit("forms", 10, 60)
FILES_OF_VISITOR = Limit("files", 10, 60)
PAGES_OF_VISITOR = Limit("pages", 60, 60)
SIGNALS_OF_VISITOR = Limit("signals", 240, 60)
