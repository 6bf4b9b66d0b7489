"""The nouns of events."""

from tenant_apps.events.models.calendars import CalendarFeed
from tenant_apps.events.models.events import Event, Session
from tenant_apps.events.models.registrations import Guest, Registration

__all__ = ["CalendarFeed", "Event", "Guest", "Registration", "Session"]
