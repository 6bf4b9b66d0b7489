"""Notices, each seen by the one person it is for."""

from django.db.models import QuerySet

from shared_apps.accounts.models import User
from tenant_apps.notifications.models import Notice


def list_notices(user: User) -> QuerySet[Notice]:
    """Return one's own notices, newest first."""
    return Notice.objects.filter(user_id=user.pk).order_by("-created_at", "-id")


def count_unread(user: User) -> int:
    """Return how many of one's own notices one has not read."""
    return Notice.objects.filter(user_id=user.pk, read_at__isnull=True).count()
