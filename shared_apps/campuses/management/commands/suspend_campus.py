"""Stop serving a campus; nothing is lost."""

from shared_apps.campuses.management.commands._state import StateCommand
from shared_apps.campuses.services import suspend_campus


class Command(StateCommand):
    help = "Stop serving a campus; nothing is lost."
    change = staticmethod(suspend_campus)
