"""Closed; see ``_refusal``."""

from tenants.management.commands._refusal import Refusal


class Command(Refusal):
    instead = "a command that takes the campus, or tenants.campus_context() in a script"
