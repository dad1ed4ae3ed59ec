"""HubSpot's contacts."""
