"""``notifications/preferences/``: by which channels one hears of what."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from shared_apps.accounts.api.base import View, actor
from shared_apps.accounts.roles import Can
from shared_apps.common.api.serializers import StrictSerializer
from tenant_apps.notifications.rules.kinds import NoticeKind
from tenant_apps.notifications.selectors.preferences import list_choices
from tenant_apps.notifications.services.preferences import choose_channels


class ChoiceSerializer(serializers.Serializer):
    """One kind of notice, and the channels by which one hears of it."""

    kind = serializers.ChoiceField(choices=NoticeKind.choices)
    subject = serializers.CharField(help_text="What the e-mail is called")
    in_app = serializers.BooleanField()
    email = serializers.BooleanField()


class ChosenSerializer(StrictSerializer):
    """What one chooses for one kind; a channel that is not named stays as it is."""

    kind = serializers.ChoiceField(choices=NoticeKind.choices)
    in_app = serializers.BooleanField(required=False)
    email = serializers.BooleanField(required=False)


class ChoicesSerializer(StrictSerializer):
    """Choices for some kinds."""

    preferences = serializers.ListField(child=ChosenSerializer(), allow_empty=False, max_length=50)


class PreferenceView(View):
    """``notifications/preferences/``"""

    permissions: ClassVar = {"get": Can.READ_NOTICES, "patch": Can.READ_NOTICES}
    pagination_class = None

    @extend_schema(operation_id="notification_preferences_list", responses=ChoiceSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Read for every kind of notice whether one gets it in the app and by e-mail."""
        return Response(ChoiceSerializer(list_choices(actor(request)), many=True).data)

    @extend_schema(
        operation_id="notification_preferences_change",
        request=ChoicesSerializer,
        responses=ChoiceSerializer(many=True),
    )
    def patch(self, request: Request) -> Response:
        """Choose for some kinds; the answer has all of them."""
        asked = ChoicesSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        choices: list[dict[str, Any]] = asked.validated_data["preferences"]
        return Response(ChoiceSerializer(choose_channels(by=actor(request), choices=choices), many=True).data)
