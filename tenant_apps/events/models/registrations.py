"""Places at an event."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from shared_apps.common.ids import uuid7
from shared_apps.common.text import PRINTABLE
from tenant_apps.events.models.events import Event
from tenant_apps.events.rules.registrations import PlaceState


class Guest(models.Model):
    """Somebody without an account who comes to one event: a parent, a speaker, an official."""

    # Kept for ever: what they attended names them.
    privileges: ClassVar = ("SELECT", "INSERT", "UPDATE")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="guests")
    name = models.CharField(max_length=200, validators=[PRINTABLE])
    organization = models.CharField(max_length=200, blank=True, default="", validators=[PRINTABLE])
    email = models.EmailField(blank=True, default="")
    phone = models.CharField(max_length=32, blank=True, default="", validators=[PRINTABLE])
    # What their pass carries: random, worth nothing at another event. Only the digest of it is needed here.
    pass_digest = models.BinaryField(max_length=32)
    invited_by_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["pass_digest"], name="events_guest_pass_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["event", "name"], name="events_guest_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def display_name(self) -> str:
        """How the guest is called at a door."""
        return self.name


class Registration(models.Model):
    """The place, waiting place or request of one person (or guest) at an event. It never counts as presence."""

    privileges: ClassVar = ("SELECT", "INSERT", "UPDATE")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="registrations")
    # One of the two.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="registrations"
    )
    guest = models.OneToOneField(Guest, on_delete=models.PROTECT, null=True, related_name="registration")
    state = models.CharField(max_length=16, choices=PlaceState.choices)
    is_walk_in = models.BooleanField(default=False)
    requested_at = models.DateTimeField()
    # Since when they wait: the order of the waiting list.
    waiting_since = models.DateTimeField(null=True)
    promoted_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by_id = models.UUIDField(null=True)
    reason = models.CharField(max_length=500, blank=True, default="", validators=[PRINTABLE])
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["event", "user"], name="events_registration_person_once"),
            models.CheckConstraint(condition=Q(state__in=PlaceState.values), name="events_registration_state_known"),
            models.CheckConstraint(
                condition=Q(user__isnull=True) ^ Q(guest__isnull=True), name="events_registration_one_person"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["event", "state", "waiting_since", "id"], name="events_registration_queue"),
            models.Index(fields=["user", "requested_at"], name="events_registration_user"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id or self.guest_id} at {self.event_id}: {self.state}"
