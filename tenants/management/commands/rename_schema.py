"""Closed; see ``_refusal``."""

from tenants.management.commands._refusal import Refusal


class Command(Refusal):
    instead = "update_campus; the schema keeps its name for ever"
