"""Close a suspended campus for good; its data are kept."""

from shared_apps.campuses.management.commands._state import StateCommand
from shared_apps.campuses.services import archive_campus


class Command(StateCommand):
    help = "Close a suspended campus for good; its data are kept."
    change = staticmethod(archive_campus)
