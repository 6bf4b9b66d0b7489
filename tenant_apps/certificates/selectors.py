"""Questions about certificates: who sees which."""

from uuid import UUID

from django.db.models import Q, QuerySet

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from tenant_apps.attendance.models import Attendance
from tenant_apps.certificates.errors import CertificateNotFound, RunNotFound
from tenant_apps.certificates.models import Certificate, Run, Template
from tenant_apps.certificates.rules import CREDITED


def list_certificates(user: User) -> QuerySet[Certificate]:
    """Return the certificates that ``user`` may see, newest first: one's own, of the events one runs, admins all."""
    rows = Certificate.objects.select_related("attendance").order_by("-issued_at", "-id")
    if user.role == Role.CAMPUS_ADMIN:
        return rows
    mine = Q(attendance__user_id=user.pk)
    return rows.filter(mine | Q(attendance__event__organizer_id=user.pk) if user.role == Role.ORGANIZER else mine)


def get_certificate(*, user: User, certificate_id: UUID) -> Certificate:
    """Return one certificate that ``user`` may see.

    Raises: CertificateNotFound.
    """
    found = list_certificates(user).filter(pk=certificate_id).first()
    if found is None:
        raise CertificateNotFound
    return found


def find_by_code(code: UUID) -> Certificate | None:
    """Return the certificate of a QR code, with its presence; None where there is none here."""
    return Certificate.objects.select_related("attendance").filter(code=code).first()


def get_run(*, user: User, run_id: UUID) -> Run:
    """Return one run of an event that ``user`` runs (campus admins: any).

    Raises: RunNotFound.
    """
    rows = Run.objects.filter(pk=run_id)
    found = (rows if user.role == Role.CAMPUS_ADMIN else rows.filter(event__organizer_id=user.pk)).first()
    if found is None:
        raise RunNotFound
    return found


def find_template(event_id: UUID | None) -> Template | None:
    """Return what certificates of an event say: its own words, else the campus's; None: those of EAS."""
    own = Template.objects.filter(Q(event_id=event_id) | Q(event_id__isnull=True))
    return own.order_by("event_id").first()  # PostgreSQL has what is null last


def list_credited(event_id: UUID) -> QuerySet[Attendance]:
    """Return the presences at an event that earn a certificate, in the order of runs.

    Visitors whose home has not told their names yet get theirs in a later run.
    """
    rows = Attendance.objects.filter(event_id=event_id, status__in=CREDITED)
    return rows.exclude(visitor__isnull=False, visitor__display_name__isnull=True).order_by("id")
