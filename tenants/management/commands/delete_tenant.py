"""Closed; see ``_refusal``."""

from tenants.management.commands._refusal import Refusal


class Command(Refusal):
    instead = "archive_campus, then drop_campus"
