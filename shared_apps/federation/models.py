"""The ledger and what leads to it. Public tables; row-level security shows each campus its own rows only.

Every primary key and unique constraint begins with the federated event's id, and campuses are named by code, without
foreign keys: so the tables can be distributed by event (design 10). Transfers are a person's, not an event's: like the
registry they are few, and stay in one place.
"""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from shared_apps.common.ids import uuid7
from shared_apps.federation.rules import (
    FederatedKind,
    FederatedStatus,
    ReconciliationState,
    RegistrationState,
    RollUpKind,
    TranscriptEntry,
    TransferState,
    VisitStatus,
)
from tenants.policies import ME, RowPolicy

CODE_LENGTH = 16
_MINE = f"(host = {ME} OR home = {ME})"


class FederatedEvent(models.Model):
    """An event that several campuses share: what all of them may know of it.

    A hosted one has the id, and is a copy, of the host's own event, written in the same transaction; a university-wide
    one is the original, and each participating campus has an event of its own that follows it.
    """

    privileges: ClassVar = ("SELECT", "INSERT", "UPDATE")
    campus_privileges: ClassVar = {"SELECT": (), "INSERT": (), "UPDATE": ()}
    row_policies: ClassVar = (
        RowPolicy(
            "concerned_read",
            "SELECT",
            using=f"host = {ME} OR {ME} = ANY(participants) OR EXISTS (SELECT 1 FROM public.federation_invitation i "
            f"WHERE i.event_id = federation_federatedevent.id AND i.host = federation_federatedevent.host "
            f"AND i.campus = {ME} AND i.withdrawn_at IS NULL)",
        ),
        RowPolicy("host_inserts", "INSERT", check=f"host = {ME} AND kind = 'hosted'"),
        RowPolicy("host_updates", "UPDATE", using=f"host = {ME}", check=f"host = {ME} AND kind = 'hosted'"),
    )

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=FederatedKind.choices)
    # Empty for a university-wide event, which has a host at each participating campus.
    host = models.CharField(max_length=CODE_LENGTH, blank=True, default="")
    participants = ArrayField(models.CharField(max_length=CODE_LENGTH), default=list, blank=True)
    status = models.CharField(max_length=16, choices=FederatedStatus.choices, default=FederatedStatus.PUBLISHED)
    title = models.CharField(max_length=200)
    description = models.TextField(max_length=10_000, blank=True, default="")
    venue = models.CharField(max_length=200, blank=True, default="")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    # [{id, name, opens_at, starts_at, late_after, ends_at, closes_at}] of the host's event, ISO 8601 in UTC.
    sessions = models.JSONField(default=list, blank=True)
    cancel_reason = models.CharField(max_length=500, blank=True, default="")
    published_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status__in=FederatedStatus.values), name="federation_event_status_known"
            ),
            models.CheckConstraint(
                condition=(Q(kind=FederatedKind.HOSTED, participants=[]) & ~Q(host=""))
                | (Q(kind=FederatedKind.UNIVERSITY, host="") & ~Q(participants=[])),
                name="federation_event_host_by_kind",
            ),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="federation_event_ends_after_start"),
        ]
        indexes: ClassVar = [models.Index(fields=["starts_at", "id"], name="federation_event_start")]

    def __str__(self) -> str:
        return self.title

    @property
    def session_values(self) -> list[dict[str, Any]]:
        """Its sessions with instants instead of text."""
        return [
            {name: datetime.fromisoformat(value) if name.endswith(("_at", "_after")) else value for name, value in row}
            for row in (session.items() for session in self.sessions)
        ]


class Invitation(models.Model):
    """One campus that may come to a hosted event, and how many of its people.

    ``taken`` counts its registered places; it is taken by one ``UPDATE`` that the check below bounds, whatever races.
    """

    privileges: ClassVar = ("SELECT",)
    campus_privileges: ClassVar = {
        "SELECT": (), "INSERT": (), "UPDATE": ("seats", "taken", "withdrawn_at", "updated_at"),
    }  # fmt: skip
    # It carries its host: who reads the event is looked up here, so reading this may look up nothing. A guest takes and
    # gives back seats while it is invited; how many there are, and whether it is, the host alone decides.
    row_policies: ClassVar = (
        RowPolicy("concerned_read", "SELECT", using=f"host = {ME} OR campus = {ME}"),
        RowPolicy(
            "host_inserts",
            "INSERT",
            check=f"host = {ME} AND campus <> {ME} AND EXISTS (SELECT 1 FROM public.federation_federatedevent e "
            f"WHERE e.id = federation_invitation.event_id AND e.host = {ME})",
        ),
        RowPolicy("host_updates", "UPDATE", using=f"host = {ME}", check=f"host = {ME}"),
        RowPolicy(
            "guest_takes_seats",
            "UPDATE",
            using=f"campus = {ME} AND withdrawn_at IS NULL",
            check=f"campus = {ME} AND withdrawn_at IS NULL AND seats IS NOT DISTINCT FROM ("
            "SELECT i.seats FROM public.federation_invitation i WHERE i.event_id = federation_invitation.event_id "
            "AND i.campus = federation_invitation.campus)",
        ),
    )

    pk = models.CompositePrimaryKey("event_id", "campus")
    event_id = models.UUIDField()
    campus = models.CharField(max_length=CODE_LENGTH)
    host = models.CharField(max_length=CODE_LENGTH)
    seats = models.PositiveIntegerField(null=True, blank=True)
    taken = models.PositiveIntegerField(default=0)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(seats__isnull=True) | Q(taken__lte=F("seats")), name="federation_invitation_seats_bound"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["campus", "event_id"], name="federation_invitation_campus"),
        ]

    def __str__(self) -> str:
        return f"{self.campus} to {self.event_id}"


class FederatedRegistration(models.Model):
    """A visitor's place, or waiting place, at a hosted event. Walk-ins get theirs at the door."""

    privileges: ClassVar = ("SELECT",)
    campus_privileges: ClassVar = {
        "SELECT": (), "INSERT": (), "UPDATE": ("state", "requested_at", "updated_at"), "DELETE": (),
    }  # fmt: skip
    row_policies: ClassVar = (
        RowPolicy("concerned_read", "SELECT", using=_MINE),
        RowPolicy(
            "concerned_insert",
            "INSERT",
            check=f"{_MINE} AND EXISTS (SELECT 1 FROM public.federation_invitation i "
            "WHERE i.event_id = federation_federatedregistration.event_id AND i.withdrawn_at IS NULL "
            "AND i.campus = federation_federatedregistration.home AND i.host = federation_federatedregistration.host)",
        ),
        RowPolicy("concerned_update", "UPDATE", using=_MINE),
        # Of somebody who moves away: the row would keep them from registering under their new campus.
        RowPolicy(
            "origin_deletes",
            "DELETE",
            using=f"home = {ME} AND EXISTS (SELECT 1 FROM public.federation_transfer t "
            "WHERE t.person_id = federation_federatedregistration.person_id "
            f"AND t.origin = {ME} AND t.state = 'accepted')",
        ),
    )

    pk = models.CompositePrimaryKey("event_id", "person_id")
    event_id = models.UUIDField()
    person_id = models.UUIDField()
    host = models.CharField(max_length=CODE_LENGTH)
    home = models.CharField(max_length=CODE_LENGTH)
    state = models.CharField(max_length=16, choices=RegistrationState.choices)
    is_walk_in = models.BooleanField(default=False)
    # The order of the waiting list.
    requested_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=RegistrationState.values), name="federation_registration_state_known"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["event_id", "home", "state", "requested_at"], name="federation_reg_waiting"),
            models.Index(fields=["home", "person_id"], name="federation_reg_person"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} at {self.event_id}: {self.state}"


class Visit(models.Model):
    """One person counted at one federated event, at home or away: the ledger. It outlives either campus's tables.

    ``host`` took the presence, ``home`` is credited with it. The unique constraint makes a person count once, however
    many campuses, doors and retries there are.
    """

    privileges: ClassVar = ("SELECT",)
    campus_privileges: ClassVar = {
        "SELECT": (),
        "INSERT": (),
        "UPDATE": ("status", "first_in_at", "last_out_at", "attendance_id", "session_id", "session_name", "updated_at"),
    }
    row_policies: ClassVar = (
        RowPolicy("concerned_read", "SELECT", using=_MINE),
        # Else any campus could take a person's one place in the ledger at an event that it knows by its id.
        RowPolicy(
            "host_inserts",
            "INSERT",
            check=f"host = {ME} AND EXISTS (SELECT 1 FROM public.federation_federatedevent e "
            f"WHERE e.id = federation_visit.event_id AND (e.host = {ME} OR {ME} = ANY(e.participants)))",
        ),
        RowPolicy("host_updates", "UPDATE", using=f"host = {ME}", check=f"host = {ME}"),
    )

    pk = models.CompositePrimaryKey("event_id", "id")
    event_id = models.UUIDField()
    id = models.UUIDField(default=uuid7)
    person_id = models.UUIDField()
    host = models.CharField(max_length=CODE_LENGTH)
    home = models.CharField(max_length=CODE_LENGTH)
    # The first attendance that counts, of the host's.
    attendance_id = models.UUIDField()
    session_id = models.UUIDField()
    # As they were when it was counted: the record must not need the event.
    event_title = models.CharField(max_length=200)
    session_name = models.CharField(max_length=100, blank=True, default="")
    status = models.CharField(max_length=16, choices=VisitStatus.choices)
    first_in_at = models.DateTimeField()
    last_out_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["event_id", "person_id"], condition=~Q(status="void"), name="federation_visit_person_once"
            ),
            models.CheckConstraint(condition=Q(status__in=VisitStatus.values), name="federation_visit_status_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["home", "first_in_at"], name="federation_visit_home"),
            models.Index(fields=["host", "first_in_at"], name="federation_visit_host"),
            models.Index(fields=["person_id", "first_in_at"], name="federation_visit_person"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} of {self.home} at {self.host}: {self.status}"

    @property
    def is_away(self) -> bool:
        """Whether the person was counted at another campus than their own."""
        return self.host != self.home


class VisitChange(models.Model):
    """One decision of the host that changed a visit: appended, so that the home campus sees the history too."""

    privileges: ClassVar = ("SELECT",)
    campus_privileges: ClassVar = {"SELECT": (), "INSERT": ()}
    row_policies: ClassVar = (
        RowPolicy("concerned_read", "SELECT", using=_MINE),
        RowPolicy(
            "host_inserts",
            "INSERT",
            check=f"host = {ME} AND EXISTS (SELECT 1 FROM public.federation_visit v "
            "WHERE v.event_id = federation_visitchange.event_id AND v.id = federation_visitchange.visit_id "
            f"AND v.host = {ME} AND v.home = federation_visitchange.home)",
        ),
    )

    pk = models.CompositePrimaryKey("event_id", "id")
    event_id = models.UUIDField()
    id = models.UUIDField(default=uuid7)
    visit_id = models.UUIDField()
    host = models.CharField(max_length=CODE_LENGTH)
    home = models.CharField(max_length=CODE_LENGTH)
    from_status = models.CharField(max_length=16, choices=VisitStatus.choices)
    to_status = models.CharField(max_length=16, choices=VisitStatus.choices)
    reason = models.CharField(max_length=500)
    changed_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["event_id", "visit_id"], name="federation_change_visit")]

    def __str__(self) -> str:
        return f"{self.from_status} → {self.to_status}"


class SealHead(models.Model):
    """How far a campus has sealed one of its events, written in the transaction of the seal: a witness outside the
    campus. A campus appends its own heads, each with a higher number than the last; it changes and deletes none.
    """

    privileges: ClassVar = ("SELECT",)
    campus_privileges: ClassVar = {"SELECT": (), "INSERT": ()}
    row_policies: ClassVar = (
        RowPolicy("own_read", "SELECT", using=f"campus = {ME}"),
        RowPolicy(
            "own_append",
            "INSERT",
            check=f"campus = {ME} AND NOT EXISTS (SELECT 1 FROM public.federation_sealhead h "
            "WHERE h.event_id = federation_sealhead.event_id AND h.campus = federation_sealhead.campus "
            "AND h.number >= federation_sealhead.number)",
        ),
    )

    pk = models.CompositePrimaryKey("event_id", "campus", "number")
    # The campus's own event, which need not be shared.
    event_id = models.UUIDField()
    campus = models.CharField(max_length=CODE_LENGTH)
    number = models.PositiveIntegerField()
    digest = models.BinaryField(max_length=32)
    sealed_at = models.DateTimeField()

    class Meta:
        # When a campus last recorded something, as the public site knows it.
        indexes: ClassVar = [models.Index(fields=["campus", "sealed_at"], name="federation_seal_last")]

    def __str__(self) -> str:
        return f"seal {self.number} of {self.event_id} at {self.campus}"


class RollUp(models.Model):
    """What one campus tells of a month, or of the months that are told: numbers without names, kept by itself.

    Of the whole campus (``department`` empty) or, for the year, of one department. ``figures`` is null where so few
    people are concerned that somebody might know them. The public site reads these rows, and opens no campus for them.
    """

    privileges: ClassVar = ("SELECT",)
    campus_privileges: ClassVar = {"SELECT": (), "INSERT": (), "UPDATE": (), "DELETE": ()}
    row_policies: ClassVar = (
        RowPolicy("own_read", "SELECT", using=f"campus = {ME}"),
        RowPolicy("own_inserts", "INSERT", check=f"campus = {ME}"),
        RowPolicy("own_updates", "UPDATE", using=f"campus = {ME}", check=f"campus = {ME}"),
        RowPolicy("own_deletes", "DELETE", using=f"campus = {ME}"),
    )

    pk = models.CompositePrimaryKey("campus", "kind", "starts_on", "department")
    campus = models.CharField(max_length=CODE_LENGTH)
    kind = models.CharField(max_length=8, choices=RollUpKind.choices)
    # Its first day, in the campus's zone.
    starts_on = models.DateField()
    department = models.CharField(max_length=100, blank=True, default="")
    figures = models.JSONField(null=True)
    as_of = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=RollUpKind.values), name="federation_rollup_kind_known"),
            models.CheckConstraint(
                condition=Q(department="") | Q(kind=RollUpKind.YEAR), name="federation_rollup_department_of_year"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.campus} from {self.starts_on}"


class Reconciliation(models.Model):
    """One comparison of the ledger with the attendances of every host. The public site's own; no campus reads it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    state = models.CharField(max_length=10, choices=ReconciliationState.choices, default=ReconciliationState.QUEUED)
    repairs = models.BooleanField(default=False)
    requested_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    hosts = models.JSONField(default=list)
    skipped = models.JSONField(default=list)
    count = models.PositiveIntegerField(default=0)
    # The first differences, [{host, kind, event, person_id, detail, repaired}]; ``count`` has them all.
    differences = models.JSONField(default=list)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["requested_at"], name="federation_reconciliation_age")]

    def __str__(self) -> str:
        return f"{self.requested_at:%Y-%m-%d %H:%M} {self.state}"


class Transfer(models.Model):
    """One student's move from a campus to another; their ``person_id`` moves along, and their history as a transcript.

    Like the registry it belongs to no event: one table, small, written a few times a year for each person who moves.
    """

    privileges: ClassVar = ("SELECT",)
    campus_privileges: ClassVar = {
        "SELECT": (),
        "INSERT": (),
        "UPDATE": ("state", "person", "transcript", "cancelled_by", "cancel_reason", "accepted_at", "closed_at",
                   "updated_at"),
    }  # fmt: skip
    # Who may do which step. With the constraint below, only the origin can write a transcript, and only once. The
    # destination reads that of a transfer which it has accepted itself: its own account names it (``came_with``).
    row_policies: ClassVar = (
        RowPolicy("concerned_read", "SELECT", using=f"origin = {ME} OR destination = {ME}"),
        RowPolicy("origin_offers", "INSERT", check=f"origin = {ME} AND state = 'offered'"),
        RowPolicy(
            "origin_ends", "UPDATE",
            using=f"origin = {ME} AND state IN ('offered', 'accepted')",
            check=f"origin = {ME} AND state IN ('closed', 'cancelled')",
        ),
        RowPolicy(
            "destination_answers", "UPDATE",
            using=f"destination = {ME} AND state = 'offered'",
            check=f"destination = {ME} AND state IN ('accepted', 'cancelled')",
        ),
    )  # fmt: skip

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person_id = models.UUIDField()
    origin = models.CharField(max_length=CODE_LENGTH)
    destination = models.CharField(max_length=CODE_LENGTH)
    state = models.CharField(max_length=16, choices=TransferState.choices, default=TransferState.OFFERED)
    reason = models.CharField(max_length=500)
    # {username, email, student_id, first_name, last_name, department, program, year_level, section}: what the
    # destination needs to enter them. Emptied when the transfer is cancelled.
    person = models.JSONField(default=dict, blank=True)
    # [TranscriptEntry], written by the origin when it closes.
    transcript = models.JSONField(null=True, blank=True)
    # Code of the campus that did.
    cancelled_by = models.CharField(max_length=CODE_LENGTH, blank=True, default="")
    cancel_reason = models.CharField(max_length=500, blank=True, default="")
    requested_by_id = models.UUIDField()
    created_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                # By origin too: a forged offer of another campus keeps nobody from moving.
                fields=["person_id", "origin"],
                condition=Q(state__in=[TransferState.OFFERED, TransferState.ACCEPTED]),
                name="federation_transfer_one_open",
            ),
            models.CheckConstraint(condition=~Q(origin=F("destination")), name="federation_transfer_moves"),
            models.CheckConstraint(
                condition=Q(
                    state__in=[TransferState.OFFERED, TransferState.CANCELLED],
                    accepted_at__isnull=True, closed_at__isnull=True, transcript__isnull=True,
                )
                | Q(
                    state=TransferState.ACCEPTED,
                    accepted_at__isnull=False, closed_at__isnull=True, transcript__isnull=True,
                )
                | Q(
                    state=TransferState.CLOSED,
                    accepted_at__isnull=False, closed_at__isnull=False, transcript__isnull=False,
                ),
                name="federation_transfer_facts_by_state",
            ),
        ]  # fmt: skip
        indexes: ClassVar = [
            models.Index(fields=["origin", "created_at"], name="federation_transfer_origin"),
            models.Index(fields=["destination", "created_at"], name="federation_transfer_dest"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} from {self.origin} to {self.destination}: {self.state}"

    @property
    def entries(self) -> list[TranscriptEntry]:
        """The transcript as values; empty until the transfer is closed."""
        return [TranscriptEntry.from_json(row) for row in self.transcript or ()]
