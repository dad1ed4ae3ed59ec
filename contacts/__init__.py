"""People: contacts, profiles, identifiers; how they are recognised, merged and separated."""
