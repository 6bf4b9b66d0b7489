"""The JSON of people and sign-ins."""

from typing import Any

from rest_framework import serializers

from shared_apps.accounts.models import AccessToken, Profile, User
from shared_apps.accounts.roles import Role
from shared_apps.common.api.serializers import InstantField, StrictModelSerializer, StrictSerializer
from shared_apps.common.text import PRINTABLE


class LoginSerializer(StrictSerializer):
    """Who signs in. ``username`` takes a username, an e-mail address or a student id."""

    username = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=128, trim_whitespace=False, write_only=True)
    label = serializers.CharField(  # type: ignore[assignment]
        max_length=100, required=False, default="", allow_blank=True, validators=[PRINTABLE],
        help_text="What the token list shows for this client, for example 'Chrome on Ana's laptop'",
    )  # fmt: skip
    device = serializers.CharField(
        max_length=200, required=False, default="", allow_blank=True,
        help_text="What the last sign-in answered as device: then nobody else's wrong tries slow this one down",
    )  # fmt: skip


class ProfileSerializer(StrictModelSerializer):
    """What is known of a person beyond signing in."""

    class Meta:
        model = Profile
        fields = ("user", "department", "program", "year_level", "section", "phone", "updated_at")
        read_only_fields = ("user", "updated_at")


class UserSerializer(StrictModelSerializer):
    """A person of this site. The fields of the profile are shown in one with those of the account."""

    department = serializers.CharField(source="profile.department", read_only=True)
    program = serializers.CharField(source="profile.program", read_only=True)
    year_level = serializers.IntegerField(source="profile.year_level", read_only=True, allow_null=True)
    section = serializers.CharField(source="profile.section", read_only=True)
    phone = serializers.CharField(source="profile.phone", read_only=True)
    campus = serializers.SerializerMethodField(help_text="Code of the campus; null on the public site")

    class Meta:
        model = User
        fields = (
            "id", "username", "email", "student_id", "first_name", "last_name", "display_name", "role", "is_active",
            "moved_to", "department", "program", "year_level", "section", "phone", "campus", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_campus(self, user: User) -> str | None:
        campus = getattr(self.context["request"], "campus", None)
        return campus.code if campus else None


class SignInSerializer(serializers.Serializer):
    """A fresh sign-in. ``token`` is shown this once."""

    token = serializers.CharField(source="text")
    expires_at = InstantField()
    device = serializers.CharField(
        help_text="Opaque; keep it and send it with the next sign-in. It opens nothing, and ends with the password"
    )
    user = UserSerializer()


class UserWriteSerializer(StrictModelSerializer):
    """A person as a campus admin writes them."""

    password = serializers.CharField(
        max_length=128, required=False, trim_whitespace=False, write_only=True,
        help_text="Without one nobody can sign in as this person yet",
    )  # fmt: skip
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    department = serializers.CharField(max_length=100, required=False, allow_blank=True, validators=[PRINTABLE])
    program = serializers.CharField(max_length=100, required=False, allow_blank=True, validators=[PRINTABLE])
    year_level = serializers.IntegerField(min_value=1, max_value=12, required=False, allow_null=True)
    section = serializers.CharField(max_length=40, required=False, allow_blank=True, validators=[PRINTABLE])
    phone = serializers.CharField(
        max_length=32, required=False, allow_blank=True, validators=Profile._meta.get_field("phone").validators
    )

    class Meta:
        model = User
        fields = (
            "username", "email", "student_id", "first_name", "last_name", "role", "is_active", "password",
            "department", "program", "year_level", "section", "phone",
        )  # fmt: skip
        # The database and the service decide on uniqueness, for all sign-in names together.
        validators: tuple[Any, ...] = ()
        extra_kwargs = {"student_id": {"validators": User._meta.get_field("student_id").validators}}


class OwnAccountSerializer(StrictSerializer):
    """What people may change of themselves."""

    email = serializers.EmailField(required=False, allow_blank=True)
    first_name = serializers.CharField(max_length=100, required=False, allow_blank=True, validators=[PRINTABLE])
    last_name = serializers.CharField(max_length=100, required=False, allow_blank=True, validators=[PRINTABLE])
    phone = serializers.CharField(
        max_length=32, required=False, allow_blank=True, validators=Profile._meta.get_field("phone").validators
    )


class PasswordChangeSerializer(StrictSerializer):
    """The password in use, and the next."""

    current_password = serializers.CharField(max_length=128, trim_whitespace=False, write_only=True)
    new_password = serializers.CharField(max_length=128, trim_whitespace=False, write_only=True)


class AccessTokenSerializer(serializers.ModelSerializer):
    """One of one's own sign-ins."""

    is_current = serializers.SerializerMethodField(help_text="Whether this request came with it")
    created_at = InstantField()
    expires_at = InstantField()

    class Meta:
        model = AccessToken
        fields = ("id", "label", "created_at", "expires_at", "is_current")

    def get_is_current(self, token: AccessToken) -> bool:
        return bool(token.pk == self.context["request"].auth)
