"""Guests of an event: entered by staff, or by themselves without signing in."""

from typing import ClassVar
from uuid import UUID

import django_filters
from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.lists import answer_list
from shared_apps.common.api.serializers import InstantField, StrictModelSerializer, StrictSerializer
from shared_apps.common.clock import now
from shared_apps.common.network import client_address
from tenant_apps.events.models import Guest, Registration
from tenant_apps.events.rules.registrations import PlaceState
from tenant_apps.events.selectors.registrations import get_run_event, list_guests
from tenant_apps.events.services import guests as services
from tenants.registry import confirm_current_campus


class GuestWriteSerializer(StrictModelSerializer):
    """What is known of a guest."""

    class Meta:
        model = Guest
        fields = ("name", "organization", "email", "phone")


class GuestPassSerializer(StrictSerializer):
    """The pass of a guest."""

    guest_pass = serializers.CharField(max_length=64)


class GuestSerializer(serializers.ModelSerializer):
    """A guest with their place, as who runs the event sees them."""

    id = serializers.UUIDField(source="guest_id")
    name = serializers.CharField(source="guest.name")
    organization = serializers.CharField(source="guest.organization")
    email = serializers.CharField(source="guest.email")
    phone = serializers.CharField(source="guest.phone")
    registration = serializers.UUIDField(source="id")
    position = serializers.SerializerMethodField(help_text="On the waiting list, from 1")
    requested_at = InstantField()

    class Meta:
        model = Registration
        fields = (
            "id", "event", "name", "organization", "email", "phone", "registration", "state", "position", "is_walk_in",
            "requested_at",
        )  # fmt: skip

    def get_position(self, place: Registration) -> int | None:
        return getattr(place, "position", None)


class NewGuestSerializer(GuestSerializer):
    """The same with the pass, which is shown this once."""

    guest_pass = serializers.SerializerMethodField(help_text="For a QR code; it is not kept, and not shown again")

    class Meta(GuestSerializer.Meta):
        fields = (*GuestSerializer.Meta.fields, "guest_pass")  # type: ignore[assignment]

    def get_guest_pass(self, place: Registration) -> str:
        return str(self.context["guest_pass"])


class OwnGuestSerializer(serializers.Serializer):
    """What a guest is told of their own place."""

    event = serializers.UUIDField(source="event_id")
    name = serializers.CharField(source="guest.name")
    state = serializers.ChoiceField(choices=PlaceState.choices)


class NewOwnGuestSerializer(OwnGuestSerializer):
    """The same with the pass, which is shown this once."""

    guest_pass = serializers.SerializerMethodField(help_text="Keep it: with it you come in, or give the place back")

    def get_guest_pass(self, place: Registration) -> str:
        return str(self.context["guest_pass"])


class GuestFilter(django_filters.FilterSet):
    """``search`` looks in name and organization; every word must be found."""

    search = django_filters.CharFilter(method="find", max_length=64, label="Words in name and organization")
    state = django_filters.ChoiceFilter(choices=PlaceState.choices)

    class Meta:
        model = Registration
        fields: tuple[str, ...] = ()

    def find(self, places: QuerySet[Registration], _: str, text: str) -> QuerySet[Registration]:
        for word in text.split()[:5]:
            places = places.filter(Q(guest__name__icontains=word) | Q(guest__organization__icontains=word))
        return places


class GuestListView(View):
    """``events/events/{id}/guests/``"""

    filterset_class = GuestFilter
    takes_idempotency_key = False  # the answer holds a secret, and would be kept with the key
    permissions: ClassVar = {"get": Can.MANAGE_REGISTRATIONS, "post": Can.MANAGE_REGISTRATIONS}

    @extend_schema(operation_id="events_events_guests_list", responses=GuestSerializer(many=True))
    def get(self, request: Request, event_id: UUID) -> Response:
        """List the guests of an event that one runs, by name."""
        rows = list_guests(get_run_event(user=actor(request), event_id=event_id))
        return answer_list(request, rows=rows, filters=GuestFilter, serializer=GuestSerializer)

    @extend_schema(request=GuestWriteSerializer, responses={201: NewGuestSerializer})
    def post(self, request: Request, event_id: UUID) -> Response:
        """Enter a guest. The answer holds their pass, which is shown this once."""
        body = GuestWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        made = services.invite_guest(by=actor(request), at=now(), event_id=event_id, guest=body.validated_data)
        context = {"request": request, "guest_pass": made.guest_pass}
        return Response(NewGuestSerializer(made.registration, context=context).data, status=status.HTTP_201_CREATED)


class GuestWithdrawView(View):
    """``events/events/{id}/guests/{id}/withdraw/``"""

    permissions: ClassVar = {"post": Can.MANAGE_REGISTRATIONS}

    @extend_schema(request=None, responses=GuestSerializer)
    def post(self, request: Request, event_id: UUID, guest_id: UUID) -> Response:
        """Take a guest's place away; the next who waits gets it."""
        place = services.withdraw_guest(by=actor(request), at=now(), event_id=event_id, guest_id=guest_id)
        return Response(GuestSerializer(place, context={"request": request}).data)


class GuestRegisterView(View):
    """``events/events/{id}/guests/register/``"""

    permissions: ClassVar = {"post": Can.ANYONE}
    authentication_classes = []

    @extend_schema(request=GuestWriteSerializer, responses={201: NewOwnGuestSerializer}, auth=[])
    def post(self, request: Request, event_id: UUID) -> Response:
        """Register as a guest, without signing in, at an event that is open to guests. The pass is shown this once."""
        confirm_current_campus()
        body = GuestWriteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        made = services.register_guest(
            at=now(), event_id=event_id, address=client_address(request._request), guest=body.validated_data
        )
        context = {"request": request, "guest_pass": made.guest_pass}
        return Response(NewOwnGuestSerializer(made.registration, context=context).data, status=status.HTTP_201_CREATED)


class OwnGuestWithdrawView(View):
    """``events/guests/withdraw/``"""

    permissions: ClassVar = {"post": Can.ANYONE}
    authentication_classes = []

    @extend_schema(request=GuestPassSerializer, responses=OwnGuestSerializer, auth=[])
    def post(self, request: Request) -> Response:
        """Give a guest's place back, with the pass."""
        confirm_current_campus()
        body = GuestPassSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        place = services.withdraw_own_place(
            at=now(), guest_pass=body.validated_data["guest_pass"], address=client_address(request._request)
        )
        return Response(OwnGuestSerializer(place, context={"request": request}).data)
