"""Which mail server this campus has."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend

from tenants.context import current_campus


def mail_url() -> str:
    """Return where this campus's e-mail goes; empty where none is written."""
    found: str = settings.MAIL_URLS.get(current_campus().code, settings.MAIL_URL)
    return found


def mail_server() -> BaseEmailBackend:
    """Return this campus's mail server, not connected yet."""
    text = mail_url()
    url = urlsplit(text)
    if url.scheme == "file":
        folder = Path(settings.BASE_DIR, text.removeprefix("file:").removeprefix("//"))
        return get_connection("shared_apps.common.mail_files.EmailBackend", folder=folder)
    if url.scheme == "console":
        return get_connection("django.core.mail.backends.console.EmailBackend")
    return get_connection(
        "django.core.mail.backends.smtp.EmailBackend",
        host=url.hostname,
        port=url.port or {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}[url.scheme],
        username=unquote(url.username or ""),
        password=unquote(url.password or ""),
        use_tls=url.scheme == "smtp+tls",
        use_ssl=url.scheme == "smtp+ssl",
        timeout=settings.MAIL_TIMEOUT,
    )
