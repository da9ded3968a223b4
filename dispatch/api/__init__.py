"""HTTP API v1: thin routers between the wire and the gateway; no decision is made here."""
