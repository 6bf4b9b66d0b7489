"""What the public site lets super admins do in campuses."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from shared_apps.common.ids import uuid7
from tenants.policies import ME, RowPolicy


class ActingGrant(models.Model):
    """Leave for one super admin to act in one campus, once, for a reason. Public; kept as history.

    The campus exchanges it for a token of its own and marks it used; it can change nothing else, and see no other
    campus's. No foreign keys: history needs neither the account nor the campus. Only a digest of the secret is kept.
    """

    privileges: ClassVar = ("SELECT", "INSERT")
    campus_privileges: ClassVar = {"SELECT": (), "UPDATE": ("exchanged_at",)}
    row_policies: ClassVar = (
        RowPolicy("campus_reads", "SELECT", using=f"campus = {ME}"),
        # Used up is used up: no campus gives a grant a second life.
        RowPolicy(
            "campus_exchanges", "UPDATE", using=f"campus = {ME}", check=f"campus = {ME} AND exchanged_at IS NOT NULL"
        ),
    )

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    digest = models.BinaryField(max_length=32)
    campus = models.CharField(max_length=16)
    super_admin_id = models.UUIDField()
    super_admin_name = models.CharField(max_length=201)
    reason = models.CharField(max_length=500)
    may_write = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    exchanged_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["digest"], name="campuses_actinggrant_digest_once"),
            models.CheckConstraint(condition=~Q(reason=""), name="campuses_actinggrant_has_reason"),
        ]
        indexes: ClassVar = [models.Index(fields=["campus", "created_at"], name="campuses_grant_history")]

    def __str__(self) -> str:
        return f"{self.super_admin_name} in {self.campus}"
