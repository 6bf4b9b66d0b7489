"""People, what is known of them, and how they sign in."""

import uuid
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from shared_apps.accounts.roles import Role
from shared_apps.accounts.rules import display_name
from shared_apps.common.ids import uuid7
from shared_apps.common.text import PRINTABLE


class User(AbstractBaseUser):
    """A person who may sign in: on a campus its students and staff, on the public site super admins."""

    last_login = None  # a write for every sign-in that nobody reads: the audit has it

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Who this is in passes and in the federation; moves along when the person changes campus, unlike ``id``.
    person_id = models.UUIDField(default=uuid.uuid4, editable=False)
    username = models.CharField(
        max_length=64,
        validators=[RegexValidator(r"\A[\w.@+-]{2,64}\Z", "2-64 letters, digits and . @ + - _", "invalid_username")],
    )
    email = models.EmailField(blank=True, default="")
    student_id = models.CharField(  # noqa: DJ001 -- unique where present: staff have none
        max_length=20,
        null=True,
        blank=True,
        default=None,
        validators=[
            RegexValidator(r"\A[A-Za-z0-9][A-Za-z0-9./-]{0,19}\Z", "Not a student number.", "invalid_student_id")
        ],
    )
    first_name = models.CharField(max_length=100, blank=True, default="", validators=[PRINTABLE])
    last_name = models.CharField(max_length=100, blank=True, default="", validators=[PRINTABLE])
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.STUDENT)
    is_active = models.BooleanField(default=True)
    # The account of an enrolled device: nobody signs in with it, and it is not listed among people.
    is_device = models.BooleanField(default=False, db_default=False, editable=False)
    # Code of the campus they transferred to; their account there has the same ``person_id``. Empty: they are here.
    moved_to = models.CharField(max_length=16, blank=True, default="", db_default="", editable=False)
    # The transfer with which they came from another campus: what they brought along is in it.
    came_with = models.UUIDField(null=True, editable=False)
    # The serial in the person's valid pass; raising it revokes every pass issued before.
    pass_serial = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = BaseUserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar = ["email"]

    # The token of a super admin who acts here (``ActingToken.actor``): made for one request, no row of this table.
    acting: "ActingToken | None" = None

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("username"), name="accounts_user_username_once"),
            models.UniqueConstraint(Lower("student_id"), name="accounts_user_student_id_once"),
            models.UniqueConstraint(fields=["person_id"], name="accounts_user_person_once"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="accounts_user_role_known"),
            models.CheckConstraint(condition=~Q(student_id=""), name="accounts_user_student_id_not_empty"),
            models.CheckConstraint(
                condition=Q(is_active=False) | Q(moved_to=""), name="accounts_user_active_at_one_campus"
            ),
            # "!" is how Django begins what no password matches.
            models.CheckConstraint(
                condition=Q(is_device=False) | Q(password__startswith="!"), name="accounts_user_device_without_password"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["last_name", "first_name", "id"], name="accounts_user_name"),
            models.Index(fields=["role", "is_active"], name="accounts_user_role"),
        ]

    def __str__(self) -> str:
        return self.username

    @property
    def display_name(self) -> str:
        """How the person is called at a door."""
        return display_name(first_name=self.first_name, last_name=self.last_name, username=self.username)

    @property
    def audit_role(self) -> str:
        """What the audit and the log say of whoever acts."""
        return Role.SUPER_ADMIN if self.acting else self.role

    @property
    def grant_id(self) -> uuid.UUID | None:
        """The grant under which somebody acts who does not belong here."""
        return self.acting.grant_id if self.acting else None


class Profile(models.Model):
    """What is known of a person beyond signing in. Every user has one."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="profile")
    department = models.CharField(max_length=100, blank=True, default="", validators=[PRINTABLE])
    program = models.CharField(max_length=100, blank=True, default="", validators=[PRINTABLE])
    year_level = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(12)]
    )
    section = models.CharField(max_length=40, blank=True, default="", validators=[PRINTABLE])
    phone = models.CharField(
        max_length=32,
        blank=True,
        default="",
        validators=[RegexValidator(r"\A[0-9+() .-]{0,32}\Z", "Not a telephone number.", "invalid_phone")],
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["department", "program", "year_level", "section"], name="accounts_profile_group"),
        ]

    def __str__(self) -> str:
        return f"profile of {self.user_id}"


class SignInName(models.Model):
    """A name somebody signs in with: username, e-mail or student id, folded to one spelling.

    One table for the three, so that the database itself refuses a username that is another person's e-mail.
    """

    name = models.CharField(max_length=254, primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_in_names")

    def __str__(self) -> str:
        return f"name of {self.user_id}"


class AccessToken(models.Model):
    """One signed-in client. Only a digest is kept; ending a sign-in deletes the row."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    digest = models.BinaryField(max_length=32)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    label = models.CharField(max_length=100, blank=True, default="", validators=[PRINTABLE])
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["digest"], name="accounts_accesstoken_digest_once"),
        ]

    def __str__(self) -> str:
        return f"token of {self.user_id}"


class ActingToken(models.Model):
    """A super admin acting in this campus, under a grant that the public site wrote. Only a digest is kept."""

    # Nobody makes one last longer.
    privileges: ClassVar = ("SELECT", "INSERT", "DELETE")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    digest = models.BinaryField(max_length=32)
    grant_id = models.UUIDField()
    super_admin_id = models.UUIDField()
    super_admin_name = models.CharField(max_length=201)
    reason = models.CharField(max_length=500)
    may_write = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["digest"], name="accounts_actingtoken_digest_once"),
            models.UniqueConstraint(fields=["grant_id"], name="accounts_actingtoken_grant_once"),
        ]

    def __str__(self) -> str:
        return f"{self.super_admin_name} acting until {self.expires_at:%Y-%m-%d %H:%M}"

    @property
    def actor(self) -> User:
        """The super admin as this campus knows one: a campus admin who is none of its people.

        Without a person id the database itself refuses to store them.
        """
        user = User(id=self.super_admin_id, first_name=self.super_admin_name, role=Role.CAMPUS_ADMIN)
        user.person_id = None  # type: ignore[assignment]
        user.acting = self
        return user


class SignInTry(models.Model):
    """How often a sign-in has failed lately, and until when the next try has to wait.

    ``key`` is the SHA-256, in hexadecimal, of the name, or of name and address: no name is stored for people who do
    not exist.
    """

    key = models.CharField(max_length=64, primary_key=True)
    failures = models.PositiveIntegerField(default=0)
    blocked_until = models.DateTimeField(null=True)
    last_failed_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["last_failed_at"], name="accounts_signintry_age")]

    def __str__(self) -> str:
        return f"{self.failures} failures"


class ImportState(models.TextChoices):
    """How far an import is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class RosterImport(models.Model):
    """A file of people, what is to be done with it, and how far that is.

    The file is kept until the import has ended: a worker that dies is followed by another, which goes on after the
    last row that was committed.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    file_name = models.CharField(max_length=200, blank=True, default="", validators=[PRINTABLE])
    content = models.BinaryField(null=True)
    mapping = models.JSONField(default=dict)
    dry_run = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=ImportState.choices, default=ImportState.QUEUED)
    # Why the file as a whole could not be used.
    error_code = models.CharField(max_length=40, blank=True, default="")
    error_detail = models.CharField(max_length=500, blank=True, default="")
    ignored_columns = models.JSONField(default=list)
    total = models.PositiveIntegerField(default=0)
    processed = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    # [{row, action, code, detail, attr}]: every failed row up to a limit, and the first that were or would be changed.
    results = models.JSONField(default=list)
    requested_by_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=ImportState.values), name="accounts_rosterimport_state_known"),
        ]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="accounts_rosterimport_age")]

    def __str__(self) -> str:
        return f"{self.file_name} {self.state}"
