"""The relay: carries outbox messages of every campus to the broker."""

import logging
import signal
import threading
import time
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, connections
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError

from shared_apps.common.clock import now
from shared_apps.outbox.hints import wait_for_hints
from shared_apps.outbox.services import relay_due_messages
from tenants.registry import find_campus, list_campuses
from tenants.registry_types import CampusEntry

logger = logging.getLogger("eas.outbox")


class Command(BaseCommand):
    help = "Carry outbox messages of the public site and of every ready campus to Celery, until it is stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="one sweep over all sites, then end")
        parser.add_argument("--sweep", type=float, default=10.0, help="seconds between sweeps over all sites (10)")

    def handle(self, *args: Any, once: bool, sweep: float, **options: Any) -> None:
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        logger.info("relay_started")
        swept_at = float("-inf")
        while not stopping.is_set():
            hinted = set() if once else wait_for_hints(1.0)
            due = time.monotonic() - swept_at >= sweep
            if due or hinted:
                self._relay(None if due else hinted)
            if due:
                swept_at = time.monotonic()
            if once:
                break
        logger.info("relay_stopped")

    def _relay(self, sites: set[str] | None) -> None:
        try:
            campuses = _ready(list_campuses() if sites is None else map(find_campus, sites - {"public"}))
            carried = relay_due_messages(campuses=campuses, at=now(), publish=_publish)
        except (DatabaseError, OperationalError) as error:
            logger.warning("relay_pauses", extra={"outcome": type(error).__name__})
            connections.close_all()
            return
        if carried:
            logger.info("relay_carried", extra={"count": carried})


def _ready(campuses: Any) -> list[CampusEntry]:
    return [campus for campus in campuses if campus is not None and campus.state == "ready"]


def _publish(kind: str, site: str, message_id: UUID, payload: dict[str, Any]) -> None:
    app = import_string(settings.TASK_APP)
    app.send_task(
        kind,
        kwargs={"message_id": str(message_id), **payload},
        task_id=str(message_id),
        headers={"campus": site},
        retry=False,
    )
