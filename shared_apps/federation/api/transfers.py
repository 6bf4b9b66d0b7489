"""``federation/transfers/``: students who change campus. ``federation/transcript/``: the history they bring along."""

from typing import Any, ClassVar
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from shared_apps.accounts.api.base import View, ViewSet, actor
from shared_apps.accounts.errors import UserNotFound
from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Can, may
from shared_apps.accounts.rules import display_name
from shared_apps.accounts.selectors import get_person
from shared_apps.common.api.lists import answer_list
from shared_apps.common.api.serializers import (
    IdField,
    InstantField,
    ReasonSerializer,
    StrictModelSerializer,
    StrictSerializer,
)
from shared_apps.common.clock import now
from shared_apps.federation.models import Transfer
from shared_apps.federation.rules import TransferDirection, TransferState
from shared_apps.federation.selectors import find_arrival, get_transfer, list_transfers
from shared_apps.federation.services import transfers
from tenants.context import current_campus


class OfferSerializer(ReasonSerializer):
    """Which student goes where, and why."""

    user_id = IdField()
    destination = serializers.CharField(max_length=16, help_text="Code of the campus")


class AcceptSerializer(StrictModelSerializer):
    """Names to use instead of those that somebody has here already; none are needed where all are free."""

    class Meta:
        model = User
        fields = ("username", "email", "student_id")
        # As for people who are entered by hand: the service decides on uniqueness.
        validators: tuple[object, ...] = ()
        extra_kwargs = {
            "username": {"required": False},
            "student_id": {"validators": User._meta.get_field("student_id").validators},
        }


class MovingPersonSerializer(serializers.Serializer):
    """Whom the origin offers."""

    username = serializers.CharField()
    email = serializers.CharField(allow_blank=True)
    student_id = serializers.CharField(allow_null=True)
    first_name = serializers.CharField(allow_blank=True)
    last_name = serializers.CharField(allow_blank=True)
    department = serializers.CharField(allow_blank=True)
    program = serializers.CharField(allow_blank=True)
    year_level = serializers.IntegerField(allow_null=True)
    section = serializers.CharField(allow_blank=True)


class TransferSerializer(serializers.ModelSerializer):
    """One student's move."""

    direction = serializers.SerializerMethodField()
    user = serializers.UUIDField(
        source="user_id", allow_null=True, help_text="The person's account here; null while there is none"
    )
    display_name = serializers.SerializerMethodField(help_text="Null when a declined one has forgotten who it was")
    person = serializers.SerializerMethodField(help_text="Null when the transfer was cancelled")
    created_at = InstantField()
    accepted_at = InstantField(allow_null=True)
    closed_at = InstantField(allow_null=True)
    updated_at = InstantField()

    class Meta:
        model = Transfer
        fields = (
            "id", "direction", "origin", "destination", "state", "user", "display_name", "person", "reason",
            "cancelled_by", "cancel_reason", "created_at", "accepted_at", "closed_at", "updated_at",
        )  # fmt: skip

    @extend_schema_field(serializers.ChoiceField(choices=TransferDirection.choices))
    def get_direction(self, transfer: Transfer) -> str:
        is_outgoing = transfer.origin == current_campus().code
        return TransferDirection.OUTGOING if is_outgoing else TransferDirection.INCOMING

    def get_display_name(self, transfer: Transfer) -> str | None:
        names = ("first_name", "last_name", "username")
        first, last, username = (getattr(transfer, name, None) or transfer.person.get(name) or "" for name in names)
        return display_name(first_name=first, last_name=last, username=username) or None

    @extend_schema_field(MovingPersonSerializer(allow_null=True))
    def get_person(self, transfer: Transfer) -> object:
        return MovingPersonSerializer(transfer.person).data if transfer.person else None


class TranscriptEntrySerializer(serializers.Serializer):
    """One presence before the move. ``home`` was credited with it, and still is; it counts nowhere again."""

    event_title = serializers.CharField()
    session_name = serializers.CharField(allow_blank=True)
    host = serializers.CharField(help_text="Code of the campus at which it was")
    home = serializers.CharField(help_text="Code of the campus at which the person was then")
    status = serializers.CharField()
    first_in_at = InstantField()
    last_out_at = InstantField(allow_null=True)


class TranscriptSerializer(serializers.Serializer):
    """A person's history at other campuses, oldest first, as it was when they came."""

    origin = serializers.CharField(allow_null=True, help_text="Where they came from; null when from nowhere")
    closed_at = InstantField(allow_null=True, help_text="Null while it is being written")
    entries = TranscriptEntrySerializer(many=True)


class TransferFilter(django_filters.FilterSet):
    """Which way, and how far."""

    direction = django_filters.ChoiceFilter(choices=TransferDirection.choices, method="go")
    state = django_filters.ChoiceFilter(choices=TransferState.choices)

    class Meta:
        model = Transfer
        fields: tuple[str, ...] = ()

    def go(self, rows: QuerySet[Transfer], _: str, direction: str) -> QuerySet[Transfer]:
        me = current_campus().code
        return rows.filter(origin=me) if direction == TransferDirection.OUTGOING else rows.filter(destination=me)


class TransferViewSet(ViewSet):
    """``federation/transfers/``"""

    queryset = Transfer.objects.none()
    serializer_class = TransferSerializer
    filterset_class = TransferFilter
    lookup_value_converter = "uuid"
    permissions: ClassVar = {
        "list": Can.TRANSFER_PEOPLE,
        "create": Can.TRANSFER_PEOPLE,
        "retrieve": Can.TRANSFER_PEOPLE,
        "accept": Can.TRANSFER_PEOPLE,
        "cancel": Can.TRANSFER_PEOPLE,
    }

    @extend_schema(responses=TransferSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List the transfers from and to this campus, newest first."""
        return answer_list(request, rows=list_transfers(), filters=TransferFilter, serializer=TransferSerializer)

    @extend_schema(request=OfferSerializer, responses={201: TransferSerializer})
    def create(self, request: Request) -> Response:
        """Offer a student to another campus. Nothing changes for them until it accepts."""
        body = OfferSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        offered = transfers.offer_transfer(by=actor(request), at=now(), **body.validated_data)
        return self._answer(request, offered.pk, status.HTTP_201_CREATED)

    @extend_schema(responses=TransferSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Read one transfer."""
        return self._answer(request, pk)

    @extend_schema(request=AcceptSerializer, responses=TransferSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: UUID) -> Response:
        """Enter the student here, without a password; their account at the origin is closed shortly after."""
        body = AcceptSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        transfers.accept_transfer(by=actor(request), at=now(), transfer_id=pk, names=body.validated_data)
        return self._answer(request, pk)

    @extend_schema(request=ReasonSerializer, responses=TransferSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: UUID) -> Response:
        """Take an offer back, or decline it."""
        body = ReasonSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        transfers.cancel_transfer(by=actor(request), at=now(), transfer_id=pk, **body.validated_data)
        return self._answer(request, pk)

    def _answer(self, request: Request, pk: UUID, code: int = status.HTTP_200_OK) -> Response:
        return Response(TransferSerializer(get_transfer(pk), context={"request": request}).data, status=code)


class WhoseTranscript(StrictSerializer):
    """The query: nobody for one's own."""

    user = IdField(required=False)


class TranscriptView(View):
    """``federation/transcript/``"""

    permissions: ClassVar = {"get": Can.READ_ATTENDANCE}

    @extend_schema(
        parameters=[OpenApiParameter("user", OpenApiTypes.UUID, description="Campus admins only: whose")],
        responses=TranscriptSerializer,
    )
    def get(self, request: Request) -> Response:
        """Read what one was counted for at other campuses before one moved here."""
        query = WhoseTranscript(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        me = actor(request)
        user_id = query.validated_data.get("user", me.pk)
        if user_id != me.pk and not may(me.role, Can.TRANSFER_PEOPLE):
            raise UserNotFound
        arrival = find_arrival(me if user_id == me.pk else get_person(user_id))
        nothing: dict[str, Any] = {"origin": None, "closed_at": None, "entries": []}
        answer = TranscriptSerializer(arrival or nothing, context={"request": request})
        return Response(answer.data)


router = SimpleRouter(use_regex_path=False)
router.register("transfers", TransferViewSet, basename="transfer")
urls = [*router.urls, path("transcript/", TranscriptView.as_view(), name="transcript")]
