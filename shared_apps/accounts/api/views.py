"""Signing in, one's own account, and the people of this site."""

from typing import ClassVar, cast
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, ViewSet, actor
from shared_apps.accounts.api.filters import UserFilter
from shared_apps.accounts.api.serializers import (
    AccessTokenSerializer,
    LoginSerializer,
    OwnAccountSerializer,
    PasswordChangeSerializer,
    ProfileSerializer,
    SignInSerializer,
    UserSerializer,
    UserWriteSerializer,
)
from shared_apps.accounts.errors import UserNotFound
from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Can, may
from shared_apps.accounts.selectors import get_person, list_people, list_profiles, list_tokens
from shared_apps.accounts.services import passes, tokens, users
from shared_apps.common.api.lists import answer_list
from shared_apps.common.clock import now
from shared_apps.common.network import client_address
from tenants.registry import confirm_current_campus


class LoginView(View):
    """``auth/login/``"""

    permissions: ClassVar = {"post": Can.ANYONE}
    authentication_classes = []

    @extend_schema(request=LoginSerializer, responses=SignInSerializer, auth=[])
    def post(self, request: Request) -> Response:
        """Sign in by username, e-mail or student id. The token belongs to this host's site only."""
        confirm_current_campus()
        body = LoginSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        data = body.validated_data
        signed_in = tokens.sign_in(
            name=data["username"],
            password=data["password"],
            label=data["label"],
            device=data["device"],
            address=client_address(request._request),
            at=now(),
        )
        return Response(SignInSerializer(signed_in, context={"request": request}).data)


class LogoutView(View):
    """``auth/logout/``"""

    permissions: ClassVar = {"post": Can.USE_OWN_ACCOUNT}
    takes_idempotency_key = False

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """End this sign-in."""
        tokens.revoke_tokens(user=actor(request), at=now(), token_id=cast(UUID, request.auth))
        return Response(status=status.HTTP_204_NO_CONTENT)


class LogoutAllView(View):
    """``auth/logout-all/``"""

    permissions: ClassVar = {"post": Can.USE_OWN_ACCOUNT}
    takes_idempotency_key = False

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """End every sign-in of one's own, on every device."""
        tokens.revoke_tokens(user=actor(request), at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class MeView(View):
    """``auth/me/``"""

    permissions: ClassVar = {"get": Can.USE_OWN_ACCOUNT, "patch": Can.USE_OWN_ACCOUNT}

    @extend_schema(responses=UserSerializer)
    def get(self, request: Request) -> Response:
        """Read one's own account."""
        return _answer_person(request, actor(request).pk)

    @extend_schema(request=OwnAccountSerializer, responses=UserSerializer)
    def patch(self, request: Request) -> Response:
        """Change what is one's own to change."""
        return _change_own(request)


class PasswordChangeView(View):
    """``auth/password/change/``"""

    permissions: ClassVar = {"post": Can.USE_OWN_ACCOUNT}
    takes_idempotency_key = False

    @extend_schema(request=PasswordChangeSerializer, responses=SignInSerializer)
    def post(self, request: Request) -> Response:
        """Set a new password. Every sign-in ends; the answer holds a new token for this client."""
        body = PasswordChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        at = now()
        user = actor(request)
        users.change_password(
            user=user, at=at, current=body.validated_data["current_password"], new=body.validated_data["new_password"]
        )
        issued = tokens.issue_token(user=get_person(user.pk), label="", at=at)
        return Response(SignInSerializer(issued, context={"request": request}).data)


class TokenViewSet(ViewSet):
    """``auth/tokens/``: one's own sign-ins."""

    serializer_class = AccessTokenSerializer
    lookup_value_converter = "uuid"
    permissions: ClassVar = {"list": Can.USE_OWN_ACCOUNT, "destroy": Can.USE_OWN_ACCOUNT}

    @extend_schema(responses=AccessTokenSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List one's own sign-ins, newest first."""
        rows = list_tokens(user=actor(request), at=now())
        return answer_list(request, rows=rows, filters=None, serializer=AccessTokenSerializer)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """End one of one's own sign-ins."""
        if not tokens.revoke_tokens(user=actor(request), at=now(), token_id=pk):
            raise UserNotFound
        return Response(status=status.HTTP_204_NO_CONTENT)


class UserViewSet(ViewSet):
    """``accounts/users/``: the people of this campus."""

    queryset = User.objects.none()
    serializer_class = UserSerializer
    filterset_class = UserFilter
    lookup_value_converter = "uuid"
    permissions: ClassVar = {
        "list": Can.LIST_PEOPLE,
        "campus_users": Can.LIST_PEOPLE,
        "retrieve": Can.READ_PERSON,
        "create": Can.MANAGE_PEOPLE,
        "partial_update": Can.MANAGE_PEOPLE,
        "replace_pass": Can.REPLACE_PASS,
    }

    @extend_schema(responses=UserSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List the people of this campus."""
        return answer_list(request, rows=list_people(), filters=UserFilter, serializer=UserSerializer)

    @extend_schema(responses=UserSerializer(many=True))
    @action(detail=False)
    def campus_users(self, request: Request) -> Response:
        """List the people of this campus; the guide's second name for the same list."""
        return self.list(request)

    @extend_schema(responses=UserSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Read one person: oneself, or as staff anybody."""
        return _answer_person(request, pk)

    @extend_schema(request=UserWriteSerializer, responses={201: UserSerializer})
    def create(self, request: Request) -> Response:
        """Enter a person."""
        body = UserWriteSerializer(data=request.data, context={"request": request})
        body.is_valid(raise_exception=True)
        data = {"role": "student", **body.validated_data}
        data.pop("is_active", None)
        profile = {name: data.pop(name) for name in users.PROFILE_FIELDS if name in data}
        user = users.create_user(by=actor(request), at=now(), profile=profile, **data)
        return Response(UserSerializer(user, context={"request": request}).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=UserWriteSerializer, responses=UserSerializer)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change a person. A new role, password or status ends all their sign-ins."""
        body = UserWriteSerializer(data=request.data, partial=True, context={"request": request})
        body.is_valid(raise_exception=True)
        users.update_user(by=actor(request), at=now(), user_id=pk, changes=body.validated_data)
        return _answer_person(request, pk)

    @extend_schema(request=None, responses=UserSerializer)
    @action(detail=True, methods=["post"], url_path="replace-pass")
    def replace_pass(self, request: Request, pk: UUID) -> Response:
        """Replace a lost pass: one's own, or as campus admin anybody's. Earlier ones are refused everywhere."""
        me = actor(request)
        if pk != me.pk and not may(me.role, Can.MANAGE_PEOPLE):
            raise UserNotFound
        passes.replace_pass(by=me, at=now(), user_id=pk)
        return _answer_person(request, pk)


class ProfileViewSet(ViewSet):
    """``accounts/profiles/``: what is known of people beyond signing in."""

    queryset = User.objects.none()
    serializer_class = ProfileSerializer
    lookup_value_converter = "uuid"
    permissions: ClassVar = {
        "list": Can.LIST_PEOPLE,
        "retrieve": Can.READ_PERSON,
        "partial_update": Can.EDIT_PROFILE,
    }

    @extend_schema(responses=ProfileSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List profiles, in the order of the people's names."""
        return answer_list(request, rows=list_profiles(), filters=None, serializer=ProfileSerializer)

    @extend_schema(responses=ProfileSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Read a profile by its person's id: one's own, or as staff anybody's."""
        return Response(ProfileSerializer(_visible_person(request, pk).profile, context={"request": request}).data)

    @extend_schema(request=ProfileSerializer, responses=ProfileSerializer)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change a profile. People may change their own telephone number; the rest is the campus admins'."""
        person = _visible_person(request, pk)
        body = ProfileSerializer(person.profile, data=request.data, partial=True, context={"request": request})
        if not may(actor(request).role, Can.MANAGE_PEOPLE):
            if pk != actor(request).pk:
                raise UserNotFound
            for name in set(users.PROFILE_FIELDS) - {"phone"}:
                body.fields[name].read_only = True
        body.is_valid(raise_exception=True)
        users.update_user(by=actor(request), at=now(), user_id=pk, changes=body.validated_data)
        return Response(ProfileSerializer(get_person(pk).profile, context={"request": request}).data)


def _answer_person(request: Request, user_id: UUID) -> Response:
    return Response(UserSerializer(_visible_person(request, user_id), context={"request": request}).data)


def _visible_person(request: Request, user_id: UUID) -> User:
    """Return oneself, or as staff anybody; for others the same answer as for nobody."""
    me = actor(request)
    if user_id != me.pk and not may(me.role, Can.LIST_PEOPLE):
        raise UserNotFound
    return get_person(user_id)


def _change_own(request: Request) -> Response:
    body = OwnAccountSerializer(data=request.data, partial=True)
    body.is_valid(raise_exception=True)
    me = actor(request)
    users.update_user(by=me, at=now(), user_id=me.pk, changes=body.validated_data)
    return _answer_person(request, me.pk)
