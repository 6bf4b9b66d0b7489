"""Events and their sessions."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, JSONField, Q, Value

from shared_apps.common.ids import uuid7
from shared_apps.common.text import PRINTABLE
from tenant_apps.events.rules.events import EventStatus, Instants, MissingCheckOut
from tenant_apps.events.rules.registrations import RegistrationMode


class Event(models.Model):
    """Something people attend. Never deleted once it was published; an organizer's account can go, the event stays."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    title = models.CharField(max_length=200, validators=[PRINTABLE])
    description = models.TextField(max_length=10_000, blank=True, default="")
    venue = models.CharField(max_length=200, blank=True, default="", validators=[PRINTABLE])
    status = models.CharField(max_length=16, choices=EventStatus.choices, default=EventStatus.DRAFT)
    organizer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="organized_events"
    )
    # First start and last end of its sessions, kept by services: lists filter and sort by them.
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    cancel_reason = models.CharField(max_length=500, blank=True, default="", validators=[PRINTABLE])
    # Whether other campuses may come, and which: [{campus: code, seats: number or null}]. The federation has its copy.
    is_multi_campus = models.BooleanField(default=False, db_default=False)
    invitations = models.JSONField(default=list, blank=True, db_default=Value([], JSONField()))
    # The federated event that this is (hosted: the same id) or follows (university-wide).
    federated_event_id = models.UUIDField(null=True, blank=True)
    # How one comes by a place. The waiting list begins where ``capacity`` (null: no limit) is taken.
    registration = models.CharField(
        max_length=16, choices=RegistrationMode.choices, default=RegistrationMode.NONE, db_default=RegistrationMode.NONE
    )
    capacity = models.PositiveIntegerField(null=True, blank=True)
    registration_opens_at = models.DateTimeField(null=True, blank=True)
    registration_closes_at = models.DateTimeField(null=True, blank=True)
    allows_walk_ins = models.BooleanField(default=True, db_default=True)
    # Whether people without an account may register themselves.
    allows_guests = models.BooleanField(default=False, db_default=False)
    # From then on the places of those who have not come go to those who wait.
    releases_seats_at = models.DateTimeField(null=True, blank=True)
    # Whether people are expected, and who: [{department, program, year_level, section}], each part optional; somebody
    # whom any of the rows describes is. An empty list means everybody.
    is_required = models.BooleanField(default=False, db_default=False)
    audience = models.JSONField(default=list, blank=True, db_default=Value([], JSONField()))
    # Which proofs of presence it takes besides a scanned pass.
    takes_venue_code = models.BooleanField(default=False, db_default=False)
    needs_rotating_pass = models.BooleanField(default=False, db_default=False)
    # Where it is, in degrees (WGS 84), for the question whether one can have been at two places.
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=EventStatus.values), name="events_event_status_known"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="events_event_ends_after_start"),
            models.UniqueConstraint(fields=["federated_event_id"], name="events_event_federated_once"),
            models.CheckConstraint(
                condition=Q(registration__in=RegistrationMode.values), name="events_event_registration_known"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["status", "starts_at"], name="events_event_status_start"),
            models.Index(fields=["organizer", "starts_at"], name="events_event_organizer"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_university_wide(self) -> bool:
        """Whether the public site called it, so that what is common is not this campus's to change."""
        return self.federated_event_id is not None and self.federated_event_id != self.pk


class Session(models.Model):
    """One time window of an event in which presence is taken. All instants in UTC, computed from campus wall time."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="sessions")
    name = models.CharField(max_length=100, blank=True, default="", validators=[PRINTABLE])
    opens_at = models.DateTimeField()
    starts_at = models.DateTimeField()
    late_after = models.DateTimeField()
    ends_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    # Whether one must go out by a scan, and what staying without it is worth; whether one may come back after going;
    # how many minutes inside earn credit (null: any).
    requires_check_out = models.BooleanField(default=False, db_default=False)
    missing_check_out = models.CharField(
        max_length=16,
        choices=MissingCheckOut.choices,
        default=MissingCheckOut.STAYED,
        db_default=MissingCheckOut.STAYED,
    )
    allows_re_entry = models.BooleanField(default=True, db_default=True)
    minimum_stay = models.PositiveSmallIntegerField(null=True, blank=True)
    # When its absences were derived; who was expected is frozen since then.
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(opens_at__lte=F("starts_at"))
                & Q(starts_at__lte=F("late_after"))
                & Q(late_after__lte=F("ends_at"))
                & Q(starts_at__lt=F("ends_at"))
                & Q(ends_at__lte=F("closes_at")),
                name="events_session_in_order",
            ),
            models.CheckConstraint(
                condition=Q(missing_check_out__in=MissingCheckOut.values), name="events_session_missing_check_out_known"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["event", "starts_at"], name="events_session_event"),
            models.Index(fields=["closes_at"], condition=Q(closed_at__isnull=True), name="events_session_due"),
        ]

    def __str__(self) -> str:
        return self.name or f"{self.starts_at:%Y-%m-%d %H:%M}"

    @property
    def instants(self) -> Instants:
        """Its five instants as a value."""
        return Instants(self.opens_at, self.starts_at, self.late_after, self.ends_at, self.closes_at)
