"""Closed; see ``_refusal``."""

from tenants.management.commands._refusal import Refusal


class Command(Refusal):
    instead = "create_campus"
