"""Every environment variable EAS reads: type, default, unit and one line of reason.

Nothing else reads ``os.environ`` for configuration. ``.env.example`` and ``docs/reference/settings.md``
are printed from this table by ``manage.py print_settings``, and a test compares them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

Kind = Literal["str", "int", "bool", "list", "choice", "mail", "mails"]

MAIL_SCHEMES = frozenset({"smtp", "smtp+tls", "smtp+ssl", "file", "console"})
DEVELOPMENT, TEST, PRODUCTION = "development", "test", "production"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One setting. ``default`` None means it must be given."""

    name: str
    kind: Kind
    default: Any
    unit: str
    reason: str
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None


VARIABLES: tuple[Variable, ...] = (
    Variable(
        name="EAS_ENV",
        kind="choice",
        default=PRODUCTION,
        unit="production, development or test",
        choices=(PRODUCTION, DEVELOPMENT, TEST),
        reason="Production is the default, so that forgetting it is safe",
    ),
    Variable(
        name="DATABASE_URL",
        kind="str",
        default=None,
        unit="postgres:// URL",
        reason="The one PostgreSQL database. User and password are the owner's; web processes get it without them",
    ),
    Variable(
        name="REDIS_URL",
        kind="str",
        default=None,
        unit="redis://, rediss:// or unix:// URL",
        reason="Valkey or Redis: the broker of Celery, wake-up hints and the cache. Never the only copy of anything",
    ),
    Variable(
        name="EAS_MASTER_KEY",
        kind="str",
        default=None,
        unit="at least 64 hexadecimal digits",
        reason="Campus database passwords, pass keys and Django's secret key are derived from it; it is stored nowhere",
    ),
    Variable(
        name="CAMPUS_LOGIN_PREFIX",
        kind="str",
        default="eas_",
        unit="lower-case letters, digits, underscores",
        reason="PostgreSQL roles are cluster-wide: the prefix keeps demo, tests and production apart",
    ),
    Variable(
        name="EAS_PUBLIC_HOSTS",
        kind="list",
        default=["localhost"],
        unit="host names, comma-separated",
        reason="Host names of the public site, written into the registry by migrate_campuses",
    ),
    Variable(
        name="EAS_WEB_PORT",
        kind="int",
        default=8000,
        unit="TCP port",
        minimum=1,
        maximum=65535,
        reason="Where the web process listens; used in addresses that are printed",
    ),
    Variable(
        name="EAS_LIVE_PORT",
        kind="int",
        default=8001,
        unit="TCP port",
        minimum=1,
        maximum=65535,
        reason="Where the live process listens; for those who call it without a proxy",
    ),
    Variable(
        name="EAS_LIVE_STREAMS",
        kind="int",
        default=4000,
        unit="streams per process",
        minimum=1,
        maximum=100000,
        reason="Most live views that one process holds; more are answered 429",
    ),
    Variable(
        name="EAS_TLS",
        kind="bool",
        default=True,
        unit="true or false",
        reason="Behind a proxy that ends TLS and sets X-Forwarded-Proto; must be true in production",
    ),
    Variable(
        name="EAS_PROXY_COUNT",
        kind="int",
        default=1,
        unit="proxies",
        minimum=0,
        maximum=5,
        reason="How many trusted proxies append to X-Forwarded-For; 0 takes the peer's address",
    ),
    Variable(
        name="EAS_DB_CONNECTIONS",
        kind="int",
        default=40,
        unit="connections per process",
        minimum=1,
        maximum=2000,
        reason="Cap on parked campus connections of one process; the least recently used one is closed first",
    ),
    Variable(
        name="EAS_DB_PREPARE",
        kind="bool",
        default=True,
        unit="true or false",
        reason="Plan the statements of the door once for each connection; false behind a pooler in transaction mode",
    ),
    Variable(
        name="EAS_DB_MAX_AGE",
        kind="int",
        default=600,
        unit="seconds",
        minimum=1,
        maximum=86400,
        reason="A connection older than this is closed instead of parked, so that backends stay small",
    ),
    Variable(
        name="EAS_DB_STATEMENT_TIMEOUT",
        kind="int",
        default=5000,
        unit="milliseconds",
        minimum=100,
        maximum=600000,
        reason="One statement of a campus may hold a connection for this long; written into each campus login",
    ),
    Variable(
        name="EAS_REGISTRY_TTL",
        kind="int",
        default=15,
        unit="seconds",
        minimum=1,
        maximum=3600,
        reason="Oldest registry a process routes with; authentication sees a changed version at once",
    ),
    Variable(
        name="EAS_TOKEN_HOURS_STAFF",
        kind="int",
        default=12,
        unit="hours",
        minimum=1,
        maximum=720,
        reason="Life of a sign-in of staff and super admins",
    ),
    Variable(
        name="EAS_TOKEN_HOURS_STUDENT",
        kind="int",
        default=720,
        unit="hours",
        minimum=1,
        maximum=8760,
        reason="Life of a sign-in of a student: a phone keeps it through a month of events",
    ),
    Variable(
        name="EAS_PASS_DAYS",
        kind="int",
        default=180,
        unit="days",
        minimum=1,
        maximum=1830,
        reason="Life of a printed or displayed pass: one term",
    ),
    Variable(
        name="EAS_BODY_LIMIT",
        kind="int",
        default=1_048_576,
        unit="bytes",
        minimum=1024,
        maximum=104_857_600,
        reason="Largest JSON body; larger ones get 413",
    ),
    Variable(
        name="EAS_IMPORT_LIMIT",
        kind="int",
        default=10_485_760,
        unit="bytes",
        minimum=1024,
        maximum=104_857_600,
        reason="Largest file of people or of scans",
    ),
    Variable(
        name="EAS_UPLOAD_LIMIT",
        kind="int",
        default=10_485_760,
        unit="bytes",
        minimum=1024,
        maximum=104_857_600,
        reason="Largest picture or document that people hand in; a telephone's photo has some 6 MB",
    ),
    Variable(
        name="EAS_UPLOAD_PIXELS",
        kind="int",
        default=50_000_000,
        unit="pixels",
        minimum=1_000_000,
        maximum=100_000_000,
        reason="Most pixels of a picture: what it takes to open one, at most 4 bytes each, in a process of its own",
    ),
    Variable(
        name="EAS_UPLOAD_PERSON_QUOTA",
        kind="int",
        default=26_214_400,
        unit="bytes",
        minimum=1024,
        maximum=10_737_418_240,
        reason="Room for all files of one student",
    ),
    Variable(
        name="EAS_UPLOAD_STAFF_QUOTA",
        kind="int",
        default=524_288_000,
        unit="bytes",
        minimum=1024,
        maximum=10_737_418_240,
        reason="Room for all files of one organizer or campus admin: every event may have a poster",
    ),
    Variable(
        name="EAS_UPLOAD_CAMPUS_QUOTA",
        kind="int",
        default=10_737_418_240,
        unit="bytes",
        minimum=1024,
        maximum=10_995_116_277_760,
        reason="Room for all files of one campus",
    ),
    Variable(
        name="EAS_MEDIA_ROOT",
        kind="str",
        default="var/media",
        unit="path",
        reason="Where uploaded files are kept, a folder for each campus; back it up with the database",
    ),
    Variable(
        name="EAS_S3_BUCKET",
        kind="str",
        default="",
        unit="name of a bucket, or nothing",
        reason="Keeps uploaded files there instead (pip install boto3); private, nothing is read but through EAS",
    ),
    Variable(
        name="EAS_S3_ENDPOINT",
        kind="str",
        default="",
        unit="https:// URL, or nothing",
        reason="Of a service that speaks S3 and is not Amazon's",
    ),
    Variable(
        name="EAS_S3_REGION",
        kind="str",
        default="",
        unit="name of a region, or nothing",
        reason="Where the bucket is",
    ),
    Variable(
        name="EAS_S3_KEY_ID",
        kind="str",
        default="",
        unit="access key id, or nothing",
        reason="Who EAS is to that service; nothing: what the machine's own role says",
    ),
    Variable(
        name="EAS_S3_SECRET",
        kind="str",
        default="",
        unit="secret access key, or nothing",
        reason="Belongs to the key id",
    ),
    Variable(
        name="EAS_MAIL_URL",
        kind="mail",
        default="",
        unit="smtp://, smtp+tls://, smtp+ssl:// with user:password@host:port; file:folder; console:",
        reason="Where e-mail goes. Empty: none is written, people are told in the app only",
    ),
    Variable(
        name="EAS_MAIL_URLS",
        kind="mails",
        default="",
        unit="CODE=url, comma-separated",
        reason="Campuses that have a mail server of their own",
    ),
    Variable(
        name="EAS_MAIL_FROM",
        kind="str",
        default="no-reply@localhost",
        unit="e-mail address",
        reason="Address that e-mail comes from; the name beside it is the campus's",
    ),
    Variable(
        name="EAS_MAIL_TIMEOUT",
        kind="int",
        default=10,
        unit="seconds",
        minimum=1,
        maximum=60,
        reason="How long a mail server may keep a worker waiting for one answer",
    ),
    Variable(
        name="EAS_REMIND_MINUTES",
        kind="int",
        default=60,
        unit="minutes",
        minimum=0,
        maximum=10080,
        reason="How long before its start people are reminded of a session; 0 reminds nobody",
    ),
    Variable(
        name="EAS_DIGEST_HOUR",
        kind="int",
        default=6,
        unit="hour of the campus's day",
        minimum=0,
        maximum=23,
        reason="From when on organizers get the digest of their day",
    ),
    Variable(
        name="EAS_DEMO_LOGINS",
        kind="str",
        default="var/demo-logins.json",
        unit="path",
        reason="Where seed_demo keeps the logins it hands out, readable for the owner only",
    ),
    Variable(
        name="EAS_LOG_LEVEL",
        kind="choice",
        default="INFO",
        unit="level name",
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
        reason="Least severe log line that is written",
    ),
)


def read_environment(source: Mapping[str, str]) -> dict[str, Any]:
    """Parse ``source`` by the table.

    Raises: ImproperlyConfigured naming every missing or unusable variable at once.
    """
    env = environ.Env()
    env.ENVIRON = dict(source)
    values: dict[str, Any] = {}
    problems: list[str] = []
    for variable in VARIABLES:
        try:
            values[variable.name] = _read(env, variable)
        except (ValueError, TypeError, ImproperlyConfigured) as error:
            problems.append(f"{variable.name} ({variable.unit}): {error}")
    if problems:
        raise ImproperlyConfigured(
            "Settings that are missing or unusable; see .env.example, or run `manage.py up` for a ready system:\n  "
            + "\n  ".join(problems)
        )
    return values


def _read(env: environ.Env, variable: Variable) -> Any:
    if variable.name not in env.ENVIRON or env.ENVIRON[variable.name] == "":
        if variable.default is None:
            raise ValueError("must be set")
        return variable.default
    if variable.kind == "int":
        number = env.int(variable.name)
        if variable.minimum is not None and number < variable.minimum:
            raise ValueError(f"must be at least {variable.minimum}")
        if variable.maximum is not None and number > variable.maximum:
            raise ValueError(f"must be at most {variable.maximum}")
        return number
    if variable.kind == "bool":
        text = env.str(variable.name).lower()
        if text not in {"true", "false", "1", "0", "yes", "no", "on", "off"}:
            raise ValueError("must be true or false")
        return text in {"true", "1", "yes", "on"}
    if variable.kind == "list":
        return [part.strip() for part in env.str(variable.name).split(",") if part.strip()]
    text = env.str(variable.name)
    if variable.kind == "mail":
        return _mail_url(text)
    if variable.kind == "mails":
        pairs = (part.strip().partition("=") for part in text.split(",") if part.strip())
        return {code.strip().upper(): _mail_url(url.strip()) for code, _, url in pairs}
    if variable.kind == "choice" and text not in variable.choices:
        raise ValueError(f"must be one of {', '.join(variable.choices)}")
    return text


def _mail_url(text: str) -> str:
    """Return ``text`` if it says where e-mail goes. What is wrong with it is not repeated: it may hold a password."""
    url = urlsplit(text)
    if url.scheme not in MAIL_SCHEMES or (url.scheme.startswith("smtp") and not url.hostname):
        raise ValueError(f"must begin with one of {', '.join(sorted(MAIL_SCHEMES))}, and name a host for SMTP")
    if url.scheme == "file" and not url.path.strip("/"):
        raise ValueError("file: needs a folder")
    url.port  # noqa: B018 -- raises for what is no port
    return text
