"""What the next page says of what was just done, in a signed cookie."""

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage


class Messages(CookieStorage):
    """Django's, under a name that browsers keep to this host."""

    cookie_name = f"{settings.COOKIE_PREFIX}eas-messages"
