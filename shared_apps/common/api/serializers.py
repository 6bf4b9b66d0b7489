"""Serializers that refuse what they do not know, and the fields every app shares."""

from datetime import datetime, tzinfo
from typing import Any, Final, NoReturn
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import models
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from shared_apps.common.clock import EARLIEST, EARLIEST_OF_DEVICES, LATEST, LATEST_OF_DEVICES
from shared_apps.common.text import PRINTABLE

_MOST_UNKNOWN: Final = 20


class StrictMixin:
    """A field that is unknown, or that a client may not write, is a 400 instead of being ignored."""

    def to_internal_value(self, data: Any) -> Any:
        problems: dict[str, list[ErrorDetail]] = {}
        if isinstance(data, dict):
            fields = self.fields  # type: ignore[attr-defined]
            for name in list(data)[: len(fields) + _MOST_UNKNOWN]:
                if name not in fields:
                    problems[str(name)] = [ErrorDetail("There is no such field.", code="unknown_field")]
                elif fields[name].read_only:
                    problems[str(name)] = [ErrorDetail("This field cannot be written.", code="read_only_field")]
        try:
            value = super().to_internal_value(data)  # type: ignore[misc]
        except ValidationError as error:
            if isinstance(error.detail, dict):
                raise ValidationError({**error.detail, **problems}) from None
            raise
        if problems:
            raise ValidationError(problems)
        return value


class StrictSerializer(StrictMixin, serializers.Serializer):
    """Base of request bodies."""


class IdField(serializers.UUIDField):
    """An id: the text of a UUID. DRF would also take any integer for one."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class InstantField(serializers.DateTimeField):
    """An instant: ISO 8601. Without an offset it is wall time in the campus's zone, and it is answered in that zone."""

    earliest, latest = EARLIEST, LATEST
    default_error_messages = {"out_of_range": "Must lie between the years 2000 and 2100."}

    def default_timezone(self) -> tzinfo:
        request = self.context.get("request")
        campus = getattr(request, "campus", None)
        return campus.zone if campus else ZoneInfo("UTC")

    def fail(self, key: str, **kwargs: Any) -> NoReturn:
        # What overflows when it is moved to a zone is out of range, and has no second name for it.
        super().fail("out_of_range" if key == "overflow" else key, **kwargs)

    def to_internal_value(self, value: Any) -> datetime:
        try:
            moment = super().to_internal_value(value)
        except OverflowError:
            self.fail("out_of_range")
        if not self.earliest <= moment < self.latest:
            self.fail("out_of_range")
        return moment


class DeviceClockField(InstantField):
    """An instant as the clock of a device showed it, however wrong: no scan is refused for that."""

    earliest, latest = EARLIEST_OF_DEVICES, LATEST_OF_DEVICES
    default_error_messages = {"out_of_range": "Must lie between the years 1900 and 2200."}


class AnyField(serializers.Field):
    """A value that is looked at later, by itself."""

    def to_internal_value(self, data: Any) -> Any:
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class ReasonSerializer(StrictSerializer):
    """Why somebody did what cannot be undone without a trace."""

    reason = serializers.CharField(max_length=500, validators=[PRINTABLE])


class OptionalReasonSerializer(StrictSerializer):
    """Why somebody did what only sometimes needs a reason."""

    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True, validators=[PRINTABLE])


class StrictModelSerializer(StrictMixin, serializers.ModelSerializer):
    """Base of resources that are read and written in one shape."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.UUIDField: IdField,
        models.DateTimeField: InstantField,
    }
