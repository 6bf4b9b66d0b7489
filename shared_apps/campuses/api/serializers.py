"""The registry's JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from shared_apps.accounts.models import User
from shared_apps.campuses.models import ActingGrant
from shared_apps.campuses.rules import PROVISIONING_STEPS
from shared_apps.campuses.selectors import primary_host
from shared_apps.common.api.serializers import InstantField, ReasonSerializer, StrictModelSerializer, StrictSerializer
from shared_apps.common.text import PRINTABLE
from tenants.models import ORIGIN, Campus, check_zone


class ProgressSerializer(serializers.Serializer):
    """How far the setting up of a campus is."""

    step = serializers.CharField(help_text="What is being done; empty before it begins and when it is done")
    done = serializers.IntegerField(help_text="Steps that are done")
    of = serializers.IntegerField(help_text="Steps in all")
    error = serializers.CharField(help_text="Why the last try failed; it is tried again by itself")


class CampusSerializer(StrictModelSerializer):
    """A campus as super admins see it."""

    domain = serializers.SerializerMethodField(help_text="The primary host")
    hosts = serializers.SerializerMethodField(help_text="Every host name that leads to the campus, the primary first")
    progress = serializers.SerializerMethodField()

    class Meta:
        model = Campus
        fields = (
            "id", "code", "name", "domain", "hosts", "timezone", "state", "state_reason", "is_active", "schema_version",
            "allowed_origins", "progress", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_domain(self, campus: Campus) -> str | None:
        return primary_host(campus)

    def get_hosts(self, campus: Campus) -> list[str]:
        return [domain.host for domain in sorted(campus.domains.all(), key=lambda d: (not d.is_primary, d.host))]

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, campus: Campus) -> dict[str, Any]:
        if campus.state != "provisioning":
            done = len(PROVISIONING_STEPS)
        else:
            done = (
                PROVISIONING_STEPS.index(campus.provisioning_step)
                if campus.provisioning_step in PROVISIONING_STEPS
                else 0
            )
        return {
            "step": campus.provisioning_step, "done": done, "of": len(PROVISIONING_STEPS),
            "error": campus.provisioning_error,
        }  # fmt: skip


class FirstAdminSerializer(StrictSerializer):
    """The person who runs the new campus."""

    username = serializers.CharField(max_length=64, validators=User._meta.get_field("username").validators)
    email = serializers.EmailField(required=False, allow_blank=True)
    first_name = serializers.CharField(max_length=100, required=False, allow_blank=True, validators=[PRINTABLE])
    last_name = serializers.CharField(max_length=100, required=False, allow_blank=True, validators=[PRINTABLE])
    password = serializers.CharField(max_length=128, trim_whitespace=False, write_only=True)


class CampusChangeSerializer(StrictSerializer):
    """What may be changed of a campus."""

    name = serializers.CharField(max_length=100, validators=[PRINTABLE])
    timezone = serializers.CharField(max_length=50, validators=[check_zone], required=False)
    hosts = serializers.ListField(child=serializers.CharField(max_length=253), min_length=1, max_length=10)
    allowed_origins = serializers.ListField(
        child=serializers.CharField(max_length=200, validators=[ORIGIN]), max_length=20, required=False
    )


class CampusCreateSerializer(CampusChangeSerializer):
    """A campus to be. The guide's ``domain`` is the first of ``hosts``."""

    code = serializers.RegexField(r"\A[A-Za-z][A-Za-z0-9]{1,15}\Z", max_length=16)
    first_admin = FirstAdminSerializer(required=False)


class OwnCampusSerializer(serializers.Serializer):
    """A campus as its own people see it."""

    id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    timezone = serializers.CharField()
    domain = serializers.CharField(allow_null=True)
    is_active = serializers.BooleanField()


class GrantCreateSerializer(ReasonSerializer):
    """Leave to act in a campus."""

    may_write = serializers.BooleanField(default=False, help_text="Without it one may look, and change nothing")


class GrantSerializer(StrictModelSerializer):
    """Who had leave to act in a campus, and why."""

    class Meta:
        model = ActingGrant
        fields = (
            "id", "super_admin_id", "super_admin_name", "reason", "may_write", "created_at", "expires_at",
            "exchanged_at",
        )  # fmt: skip
        read_only_fields = fields


class NewGrantSerializer(GrantSerializer):
    """A fresh grant. ``grant`` is shown this once."""

    grant = serializers.CharField(help_text="Post it to auth/act/ of the campus before expires_at")
    host = serializers.CharField(allow_null=True, help_text="The campus's primary host")

    class Meta(GrantSerializer.Meta):
        fields = ("grant", "host", *GrantSerializer.Meta.fields)  # type: ignore[assignment]


class ExchangeSerializer(StrictSerializer):
    """The secret of a grant."""

    grant = serializers.CharField(max_length=128, write_only=True)


class ActingSerializer(serializers.Serializer):
    """A token to act with. ``token`` is shown this once."""

    token = serializers.CharField(source="text")
    expires_at = InstantField()
    may_write = serializers.BooleanField(source="user.acting.may_write")
    reason = serializers.CharField(source="user.acting.reason")
