"""How values of a query string are read in every app; one that is unusable is a 400, never ignored."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime

from shared_apps.common.clock import EARLIEST, LATEST, to_instant


class _InstantFormField(forms.CharField):
    """ISO 8601, as the bodies take it: without an offset it is wall time of the campus, on the public site UTC."""

    zone: ZoneInfo

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        try:
            moment = parse_datetime(text.replace(" ", "+")) or dt.datetime.fromisoformat(text)
            instant = to_instant(moment, self.zone)
        except (ValueError, OverflowError):
            raise ValidationError("Not an ISO 8601 date and time.", code="invalid") from None
        if not EARLIEST <= instant < LATEST:
            raise ValidationError("Must lie between the years 2000 and 2100.", code="out_of_range")
        return instant


class InstantFilter(django_filters.Filter):
    """Filter by an instant."""

    field_class = _InstantFormField
    openapi_format = "date-time"

    @property
    def field(self) -> forms.Field:
        field: forms.Field = super().field
        campus = getattr(self.parent.request, "campus", None)
        field.zone = campus.zone if campus else ZoneInfo("UTC")  # type: ignore[attr-defined]
        return field


class _BooleanFormField(forms.CharField):
    def to_python(self, value: Any) -> Any:
        text = str(super().to_python(value)).lower()
        if text not in {"", "true", "1", "false", "0"}:
            raise ValidationError("Must be true or false.", code="invalid")
        return None if text == "" else text in {"true", "1"}


class BooleanFilter(django_filters.BooleanFilter):
    """Filter by true or false. Django's own field takes whatever it does not know for "not asked"."""

    field_class = _BooleanFormField
