"""The one noun of periodic work."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from shared_apps.common.ids import uuid7
from shared_apps.periodic.rules import RunState

_STORED = (RunState.SENT, RunState.DONE, RunState.FAILED, RunState.REFUSED)


class Run(models.Model):
    """One turn of something periodic at one site. Public, written by the public site's login; campuses never see it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100)
    # The turn it belongs to (``outbox.Slot``).
    begins_at = models.DateTimeField()
    # Code of the campus, or PUBLIC. No foreign key: history needs no campus.
    site = models.CharField(max_length=16)
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.SENT)
    sent_at = models.DateTimeField()
    # Not taken up by then: the next turn does it.
    expires_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    # How much it did, in its own units; null where it does not say.
    count = models.PositiveIntegerField(null=True)
    error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["begins_at", "name", "site"], name="periodic_run_once"),
            models.CheckConstraint(condition=Q(state__in=_STORED), name="periodic_run_state_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["name", "site", "begins_at"], name="periodic_run_last"),
            models.Index(fields=["site", "begins_at"], name="periodic_run_site"),
            models.Index(
                fields=["begins_at"],
                condition=Q(state__in=[RunState.FAILED, RunState.REFUSED]),
                name="periodic_run_bad",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} at {self.site}, {self.begins_at:%Y-%m-%d %H:%M}: {self.state}"
