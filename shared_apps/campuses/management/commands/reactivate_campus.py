"""Serve a suspended campus again."""

from shared_apps.campuses.management.commands._state import StateCommand
from shared_apps.campuses.services import reactivate_campus


class Command(StateCommand):
    help = "Serve a suspended campus again."
    change = staticmethod(reactivate_campus)
