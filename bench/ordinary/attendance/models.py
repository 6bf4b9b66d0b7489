"""The guide's models, without the campus columns that schemas replace."""

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """Somebody of the campus."""

    student_id = models.CharField(max_length=20, unique=True)
    department = models.CharField(max_length=100, blank=True)
    role = models.CharField(max_length=20, default="student")


class Event(models.Model):
    """Something people attend."""

    organizer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    title = models.CharField(max_length=200)
    date = models.DateTimeField()
    status = models.CharField(max_length=20, default="published")
    is_multi_campus = models.BooleanField(default=False)


class Attendance(models.Model):
    """Somebody was there."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    scanned_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    timestamp = models.DateTimeField(auto_now_add=True)
    cross_campus_attendance = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["event", "timestamp"])]
        constraints = [models.UniqueConstraint(fields=["event", "user"], name="unique_event_user_attendance")]
