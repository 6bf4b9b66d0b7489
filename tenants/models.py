"""The registry: which campuses exist, which host names lead to them, which keys sign their passes."""

import re
import zoneinfo
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Concat, Lower
from django_tenants.models import TenantMixin

from shared_apps.common.ids import uuid7
from tenants.policies import ME, RowPolicy
from tenants.registry_types import CampusEntry

HOST_PATTERN = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\Z")

ORIGIN = RegexValidator(r"\Ahttps?://[a-z0-9.-]+(:\d{1,5})?\Z", "An origin is scheme://host[:port].", "invalid_origin")


class CampusState(models.TextChoices):
    """Only ``ready`` is served. Archiving keeps the data; it has no way back but a restore."""

    PROVISIONING = "provisioning"
    READY = "ready"
    SUSPENDED = "suspended"
    ARCHIVED = "archived"


def check_zone(name: str) -> None:
    """Refuse a time zone that this machine does not know."""
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise ValidationError("Not a time zone of the IANA database.", code="invalid_timezone") from None


def check_host(host: str) -> None:
    """Refuse what is not a lower-case host name."""
    if not HOST_PATTERN.match(host):
        raise ValidationError("Not a host name: lower-case letters, digits, dots and hyphens.", code="invalid_host")


class Campus(TenantMixin):
    """An institution unit that has its own site, schema and database login."""

    # Provisioning makes the schema, as the owner; saving a row never does.
    auto_create_schema = False
    auto_drop_schema = False
    # What every campus's login may read of this table: enough to route, and to check another campus's pass.
    campus_privileges: ClassVar = {"SELECT": ("id", "code", "name", "state", "schema_version", "timezone")}

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code = models.CharField(
        max_length=16,
        validators=[RegexValidator(r"\A[A-Z][A-Z0-9]{1,15}\Z", "2-16 capital letters and digits.", "invalid_code")],
    )
    name = models.CharField(max_length=100)
    # Never reused, also after archiving: a campus that comes back under an old name must not find old data.
    schema_name = models.CharField(max_length=63, editable=False)
    timezone = models.CharField(max_length=50, default="Asia/Manila", validators=[check_zone])
    state = models.CharField(max_length=16, choices=CampusState.choices, default=CampusState.PROVISIONING)
    # How many campus migrations its schema has; less than the code's own number means "behind".
    schema_version = models.PositiveIntegerField(default=0, editable=False)
    allowed_origins = models.JSONField(default=list, blank=True)
    # The first campus admin until there is one: {username, email, first_name, last_name, password (hash)}.
    first_admin = models.JSONField(null=True, blank=True)
    provisioning_step = models.CharField(max_length=32, blank=True, default="")
    provisioning_error = models.CharField(max_length=500, blank=True, default="")
    state_reason = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("code"), name="tenants_campus_code_once"),
            models.UniqueConstraint(fields=["schema_name"], name="tenants_campus_schema_once"),
            models.CheckConstraint(
                condition=models.Q(schema_name__regex=r"^c_[a-z0-9_]{2,40}$"), name="tenants_campus_schema_format"
            ),
            models.CheckConstraint(condition=models.Q(state__in=CampusState.values), name="tenants_campus_state_known"),
            # Row-level security tells a campus's login from its name.
            models.CheckConstraint(
                condition=models.Q(schema_name=Concat(models.Value("c_"), Lower("code"))),
                name="tenants_campus_schema_of_code",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    def __enter__(self) -> None:
        raise NotImplementedError("Use tenants.context.campus_context(campus): `with campus:` races between threads.")

    @property
    def is_active(self) -> bool:
        """The guide's flag."""
        return self.state == CampusState.READY

    def entry(self, hosts: tuple[str, ...] = ()) -> CampusEntry:
        """Return this row as a value."""
        return CampusEntry(
            id=self.pk,
            code=self.code,
            name=self.name,
            schema_name=self.schema_name,
            state=self.state,
            schema_version=self.schema_version,
            zone=zoneinfo.ZoneInfo(self.timezone),
            hosts=hosts,
            origins=frozenset(self.allowed_origins),
        )


class CampusDomain(models.Model):
    """A host name that leads to a campus, or to the public site where ``campus`` is null."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    host = models.CharField(max_length=253, validators=[check_host])
    campus = models.ForeignKey(Campus, on_delete=models.PROTECT, null=True, blank=True, related_name="domains")
    is_primary = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["host"], name="tenants_campusdomain_host_once"),
            models.UniqueConstraint(
                fields=["campus"], condition=models.Q(is_primary=True), name="tenants_campusdomain_one_primary"
            ),
        ]

    def __str__(self) -> str:
        return self.host


class CampusKey(models.Model):
    """The public half of a key with which a campus signs passes. The private half is derived, never stored."""

    campus_privileges: ClassVar = {"SELECT": ("id", "campus_id", "key_id", "public_key", "retired_at")}

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    campus = models.ForeignKey(Campus, on_delete=models.PROTECT, related_name="keys")
    key_id = models.PositiveSmallIntegerField()
    public_key = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["campus", "key_id"], name="tenants_campuskey_once"),
        ]

    def __str__(self) -> str:
        return f"{self.campus_id}/{self.key_id}"


class RevokedPass(models.Model):
    """Passes of a person that are refused everywhere: those with this serial or a lower one.

    Written by the home campus in the transaction that revokes, read by every campus; it says nothing but an opaque id.
    """

    privileges: ClassVar = ("SELECT",)
    campus_privileges: ClassVar = {"SELECT": (), "INSERT": (), "UPDATE": ("through_serial", "revoked_at")}
    row_policies: ClassVar = (
        RowPolicy("all_read", "SELECT", using="true"),
        RowPolicy("home_inserts", "INSERT", check=f"home = {ME}"),
        RowPolicy("home_updates", "UPDATE", using=f"home = {ME}", check=f"home = {ME}"),
    )

    pk = models.CompositePrimaryKey("home", "person_id")
    home = models.CharField(max_length=16)
    person_id = models.UUIDField()
    through_serial = models.PositiveIntegerField()
    revoked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.person_id} through {self.through_serial}"


class RegistryVersion(models.Model):
    """One row, whose number grows with every change of the registry: processes compare it with what they hold."""

    campus_privileges: ClassVar = {"SELECT": ("id", "version")}

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(id=1), name="tenants_registryversion_one_row"),
        ]

    def __str__(self) -> str:
        return str(self.version)


class TemplateStatement(models.Model):
    """One SQL statement of a campus migration, as it ran when the template schema was migrated.

    A new campus replays all of them, an old one those of the migrations it lacks.
    """

    id = models.PositiveIntegerField(primary_key=True)
    app = models.CharField(max_length=100)
    migration = models.CharField(max_length=200)
    sql = models.TextField()

    def __str__(self) -> str:
        return f"{self.app}.{self.migration} #{self.pk}"
