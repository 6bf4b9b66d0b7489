"""Django's settings. Values come from ``config.env``; nothing here reads the environment by itself."""

import logging
import os
import re
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from config.env import DEVELOPMENT, PRODUCTION, TEST, VARIABLES, read_environment  # noqa: F401 -- printed by commands
from config.log import logging_config
from tenants.keys import derive_key

BASE_DIR = Path(__file__).resolve().parent.parent
ENV = read_environment(os.environ)

# --- What kind of place this is -----------------------------------------------------------------
ENVIRONMENT: str = ENV["EAS_ENV"]
DEBUG = False  # never: development errors are in the log, and a debug page would show one campus's data to anyone

MASTER_KEY: str = ENV["EAS_MASTER_KEY"]
if not re.fullmatch(r"([0-9a-fA-F]{2}){32,}", MASTER_KEY):
    raise ImproperlyConfigured("EAS_MASTER_KEY must be at least 64 hexadecimal digits (openssl rand -hex 32)")
SECRET_KEY = derive_key(MASTER_KEY, "django", length=50).hex()

CAMPUS_LOGIN_PREFIX: str = ENV["CAMPUS_LOGIN_PREFIX"]
if not re.fullmatch(r"[a-z][a-z0-9_]{0,15}", CAMPUS_LOGIN_PREFIX):
    raise ImproperlyConfigured("CAMPUS_LOGIN_PREFIX must be 1-16 lower-case letters, digits and underscores")

if ENVIRONMENT == PRODUCTION:
    if not ENV["EAS_TLS"]:
        raise ImproperlyConfigured("EAS_TLS=false is for development: tokens would travel in the clear")
    if len(set(bytes.fromhex(MASTER_KEY))) < 8:
        raise ImproperlyConfigured("EAS_MASTER_KEY is no random number (openssl rand -hex 32)")
    if set(ENV["EAS_PUBLIC_HOSTS"]) & {"localhost", "127.0.0.1"}:
        raise ImproperlyConfigured("EAS_PUBLIC_HOSTS must name the public site's own host in production")

# --- Applications ---------------------------------------------------------------------------------
# In SHARED_APPS: tables of the public schema. In TENANT_APPS: tables of each campus. "Both" means two kinds of rows.
SHARED_APPS = [
    "tenants",  # before django_tenants: its commands replace that one's
    "shared_apps.administration",  # before unfold: what its pages say otherwise
    "unfold.apps.BasicAppConfig",  # before django_tenants, whose templates of the admin are others
    "django_tenants",
    "shared_apps.campuses",  # before Django's auth: its createsuperuser replaces that one
    "django.contrib.contenttypes",  # public only: django-tenants' backend imports it
    # The three below: public only, because unfold's pages import them. Their tables stay empty: who may do what is
    # the table of accounts.roles, signing in is accounts' service, and deeds are in the audit.
    "django.contrib.auth",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.messages",
    "django.contrib.staticfiles",  # no tables: the files of the API's documentation page and of the admin
    "corsheaders",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "shared_apps.common",
    "shared_apps.audit",  # both
    "shared_apps.outbox",  # both
    "shared_apps.idempotency",  # both
    "shared_apps.accounts",  # both
    "shared_apps.periodic",
    "shared_apps.federation",
]
TENANT_APPS = [
    "shared_apps.audit",  # both
    "shared_apps.outbox",  # both
    "shared_apps.idempotency",  # both
    "shared_apps.accounts",  # both
    "tenant_apps.notifications",
    "tenant_apps.uploads",
    "tenant_apps.events",
    "tenant_apps.attendance",
    "tenant_apps.reports",
    "tenant_apps.certificates",
    "tenant_apps.live",
    "tenant_apps.exports",
]
INSTALLED_APPS = SHARED_APPS + [app for app in TENANT_APPS if app not in SHARED_APPS]

TENANT_MODEL = "tenants.Campus"
TENANT_DOMAIN_MODEL = "tenants.CampusDomain"
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Requests -------------------------------------------------------------------------------------
ROOT_URLCONF = "config.urls_public"
PUBLIC_SCHEMA_URLCONF = "config.urls_public"
CAMPUS_URLCONF = "config.urls_campus"
WSGI_APPLICATION = "config.wsgi.application"
# The registry's exact match in tenants.middleware decides which hosts are served; two lists would drift apart.
ALLOWED_HOSTS = ["*"]
USE_X_FORWARDED_HOST = False  # a client could choose the campus with it
PUBLIC_HOSTS: list[str] = ENV["EAS_PUBLIC_HOSTS"]
WEB_PORT: int = ENV["EAS_WEB_PORT"]
LIVE_PORT: int = ENV["EAS_LIVE_PORT"]
LIVE_STREAMS: int = ENV["EAS_LIVE_STREAMS"]
PROXY_COUNT: int = 0 if ENVIRONMENT != PRODUCTION and "EAS_PROXY_COUNT" not in os.environ else ENV["EAS_PROXY_COUNT"]
REGISTRY_TTL: int = ENV["EAS_REGISTRY_TTL"]
APPEND_SLASH = False  # an API answers 404 for another path; a redirected POST would lose its body

MIDDLEWARE = [
    "tenants.health.HealthMiddleware",  # probes call by IP: before any routing
    "shared_apps.common.middleware.RequestLogMiddleware",
    "tenants.middleware.PlainHttpMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",  # before routing, so that a refusal can be read by the browser
    "tenants.middleware.CampusMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Database -------------------------------------------------------------------------------------
_database = environ.Env.db_url_config(ENV["DATABASE_URL"])
if "postgres" not in _database["ENGINE"]:
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL database")
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        **_database,
        "ENGINE": "tenants.postgresql",
        "CONN_MAX_AGE": None,  # the pool of tenants.postgresql decides
        "DISABLE_SERVER_SIDE_CURSORS": True,  # so that a pooler in transaction mode may stand between
        "ATOMIC_REQUESTS": False,
        "OPTIONS": {
            **_database.get("OPTIONS", {}),
            "connect_timeout": 5,
            "keepalives_idle": 30,
            "tcp_user_timeout": 10_000,
            "application_name": "eas",
        },
    }
}
DB_CONNECTIONS: int = ENV["EAS_DB_CONNECTIONS"]
DB_PREPARE: bool = ENV["EAS_DB_PREPARE"]
DB_MAX_AGE: int = ENV["EAS_DB_MAX_AGE"]
DB_STATEMENT_TIMEOUT: int = ENV["EAS_DB_STATEMENT_TIMEOUT"]

# --- Valkey / Redis and Celery --------------------------------------------------------------------
REDIS_URL: str = ENV["REDIS_URL"]
CELERY_BROKER_URL = (
    "redis+socket://" + REDIS_URL.removeprefix("unix://").replace("?db=", "?virtual_host=")
    if REDIS_URL.startswith("unix://")
    else REDIS_URL
)
TASK_APP = "config.celery.app"
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 600, "socket_timeout": 5, "socket_connect_timeout": 1}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_RESULT_BACKEND = None  # results are rows, not messages
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_TASK_SOFT_TIME_LIMIT = 600
CELERY_TASK_TIME_LIMIT = 660
CELERY_TASK_DEFAULT_QUEUE = "default"
# Only the provisioning worker holds the owner's credentials.
# A mail server that answers slowly holds up nothing but mail.
CELERY_TASK_ROUTES = {
    "shared_apps.campuses.tasks.provision_pending_campuses": {"queue": "provisioning"},
    "tenant_apps.notifications.tasks.send_mails": {"queue": "mail"},
    "tenant_apps.notifications.tasks.send_due_mails": {"queue": "mail"},
}


def _beat(task: str, seconds: float) -> dict[str, Any]:
    """A task of the public site, sent so often. A late one is worth nothing: the next is already due."""
    return {"task": task, "schedule": seconds, "options": {"headers": {"campus": "public"}, "expires": seconds}}


# What has turns longer than this looks often whether one is due: a beat that was away misses none.
CELERY_BEAT_SCHEDULE = {
    "provision-pending-campuses": _beat("shared_apps.campuses.tasks.provision_pending_campuses", 2.0),
    "reconcile-federation": _beat("tenant_apps.attendance.tasks.reconcile_on_schedule", 3600.0),
    "tidy-places": _beat("tenant_apps.events.tasks.tidy_places_everywhere", 60.0),
    "close-sessions": _beat("tenant_apps.attendance.tasks.close_sessions_everywhere", 60.0),
    "seal-events": _beat("tenant_apps.attendance.tasks.seal_every_campus", 30.0),
    "review-scans": _beat("tenant_apps.attendance.tasks.review_every_campus", 60.0),
    "remind-of-requests": _beat("tenant_apps.attendance.tasks.remind_every_campus", 600.0),
    "sweep-uploads": _beat("tenant_apps.uploads.tasks.sweep_every_campus", 3600.0),
    "expire-exports": _beat("tenant_apps.exports.tasks.expire_every_campus", 600.0),
    "roll-up-campuses": _beat("tenant_apps.reports.tasks.roll_up_every_campus", 300.0),
    "send-mails": _beat("tenant_apps.notifications.tasks.send_mails_everywhere", 60.0),
    "remind-of-sessions": _beat("tenant_apps.events.tasks.remind_everywhere", 60.0),
    "digest-organizers": _beat("tenant_apps.attendance.tasks.digest_everywhere", 600.0),
    "look-for-stuck-messages": _beat("shared_apps.campuses.tasks.look_for_stuck_messages_everywhere", 600.0),
    "tidy-every-site": _beat("shared_apps.campuses.tasks.tidy_every_site", 3600.0),
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_FUNCTION": "tenants.cache.make_key",
    }
}

# --- Time and language ----------------------------------------------------------------------------
USE_TZ = True
TIME_ZONE = "UTC"  # every campus has its own zone in the registry
USE_I18N = False
LANGUAGE_CODE = "en"

# --- Identity -------------------------------------------------------------------------------------
PASSWORD_HASHERS = (
    ["django.contrib.auth.hashers.MD5PasswordHasher"]
    if ENVIRONMENT == TEST
    else [
        "django.contrib.auth.hashers.Argon2PasswordHasher",
    ]
)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "email", "student_id", "first_name", "last_name")},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS: list[str] = []  # one way to sign in: accounts.services.tokens, also for the admin
TOKEN_HOURS_STAFF: int = ENV["EAS_TOKEN_HOURS_STAFF"]
TOKEN_HOURS_STUDENT: int = ENV["EAS_TOKEN_HOURS_STUDENT"]
PASS_DAYS: int = ENV["EAS_PASS_DAYS"]

# Who makes a campus's own event of a university-wide one; the federation knows no campus app.
FEDERATION_FOLLOWER = "tenant_apps.events.services.following.follow_common_event"
# What apps of campuses give up after a restore, beside messages: what it was about may have happened since the backup.
AFTER_RESTORING = [
    "tenant_apps.notifications.services.mailing.abandon_mails",
    "tenant_apps.events.services.calendars.end_every_feed",
]
# Who knows the names of the people in visits.
FEDERATION_NAMER = "tenant_apps.attendance.selectors.attendance.name_visits"

# --- Telling people -------------------------------------------------------------------------------
MAIL_URL: str = ENV["EAS_MAIL_URL"]
MAIL_URLS: dict[str, str] = ENV["EAS_MAIL_URLS"] or {}
MAIL_FROM: str = ENV["EAS_MAIL_FROM"]
MAIL_TIMEOUT: int = ENV["EAS_MAIL_TIMEOUT"]
REMIND_MINUTES: int = ENV["EAS_REMIND_MINUTES"]
DIGEST_HOUR: int = ENV["EAS_DIGEST_HOUR"]

DEMO_LOGINS: str = ENV["EAS_DEMO_LOGINS"]

# --- Uploaded files -------------------------------------------------------------------------------
UPLOAD_LIMIT: int = ENV["EAS_UPLOAD_LIMIT"]
UPLOAD_PIXELS: int = ENV["EAS_UPLOAD_PIXELS"]
UPLOAD_PERSON_QUOTA: int = ENV["EAS_UPLOAD_PERSON_QUOTA"]
UPLOAD_STAFF_QUOTA: int = ENV["EAS_UPLOAD_STAFF_QUOTA"]
UPLOAD_CAMPUS_QUOTA: int = ENV["EAS_UPLOAD_CAMPUS_QUOTA"]
STORAGES = {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    # No address: files are handed out by views that ask who wants them.
    "uploads": (
        {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": ENV["EAS_S3_BUCKET"],
                "endpoint_url": ENV["EAS_S3_ENDPOINT"] or None,
                "region_name": ENV["EAS_S3_REGION"] or None,
                "access_key": ENV["EAS_S3_KEY_ID"] or None,
                "secret_key": ENV["EAS_S3_SECRET"] or None,
                "default_acl": "private",
                "file_overwrite": False,
                "querystring_auth": True,
            },
        }
        if ENV["EAS_S3_BUCKET"]
        else {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {
                "location": BASE_DIR / ENV["EAS_MEDIA_ROOT"],
                "file_permissions_mode": 0o600,
                "directory_permissions_mode": 0o700,
            },
        }
    ),
}

# --- API ------------------------------------------------------------------------------------------
DATA_UPLOAD_MAX_MEMORY_SIZE: int = ENV["EAS_BODY_LIMIT"]
IMPORT_LIMIT: int = ENV["EAS_IMPORT_LIMIT"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["shared_apps.accounts.api.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["shared_apps.accounts.api.permissions.RolePermission"],
    "DEFAULT_PARSER_CLASSES": ["shared_apps.common.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["shared_apps.common.api.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "shared_apps.common.api.pagination.Pages",
    "DEFAULT_SCHEMA_CLASS": "shared_apps.common.api.openapi.Schema",
    "EXCEPTION_HANDLER": "shared_apps.common.api.exception_handler.handle_exception",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "EAS",
    "DESCRIPTION": (
        "Event attendance for a university of many campuses. Each campus answers on its own host; the host chooses the "
        "campus, and nothing else does.\n\n"
        "**A first attendance** (on a campus's host)\n\n"
        "1. *auth/login*: sign in as the gate, copy the token.\n"
        "2. *Authorize*: enter `Token eas_…`.\n"
        "3. *events/events* with `ongoing=true`: copy the event's id.\n"
        '4. *events/attendance/mark_attendance*: `{"event_id": "…", "student_id": "2024-00001"}`. It answers 201; '
        "again, 200 with the first record.\n\n"
        "A student's own pass is at *accounts/users/me/pass*, as JSON, PNG or SVG."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SORT_OPERATIONS": False,
    # The table of contents. A path belongs to the longest name with which it begins.
    "TAGS": [
        {"name": name, "description": description}
        for name, description in {
            "auth": "Sign in, one's own account and tokens",
            "accounts": "People, profiles, passes and rosters",
            "campus": "Campuses",
            "events": "Events, sessions, places and guests",
            "events/calendar": "One's own calendar",
            "events/attendance": "Record presence, and what it amounts to",
            "events/attendance-requests": "Corrections and excuses",
            "events/flags": "What looks suspicious",
            "events/scanners": "Devices at the doors",
            "federation": "Events, places, visits and transfers between campuses",
            "reports": "Figures, the rows behind them, and transcripts",
            "certificates": "Certificates of attendance, and how one is verified",
            "live": "What happens, as it happens",
            "notifications": "What one is told",
            "uploads": "Pictures and documents",
            "periodic": "What runs by itself",
        }.items()
    ],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "shared_apps.common.api.openapi.add_errors",
        "shared_apps.common.api.openapi.keep_used_tags",
        "shared_apps.common.api.openapi.tell_defaults",
        "shared_apps.common.api.openapi.write_markdown",
    ],
    "ENUM_NAME_OVERRIDES": {
        "EventStatus": "tenant_apps.events.rules.events.EventStatus",
        "AttendanceStatus": "tenant_apps.attendance.rules.scans.AttendanceStatus",
        "CampusState": "tenants.models.CampusState",
        "ImportState": "shared_apps.accounts.models.ImportState",
        "RegistrationState": "shared_apps.federation.rules.RegistrationState",
        "ReconciliationState": "shared_apps.federation.rules.ReconciliationState",
        "FederatedStatus": "shared_apps.federation.rules.FederatedStatus",
        "Direction": "tenant_apps.attendance.rules.scans.Direction",
        "RegistrationMode": "tenant_apps.events.rules.registrations.RegistrationMode",
        "PlaceState": "tenant_apps.events.rules.registrations.PlaceState",
        "RequestKind": "tenant_apps.attendance.rules.requests.RequestKind",
        "RequestState": "tenant_apps.attendance.rules.requests.RequestState",
        "WantedStatus": "tenant_apps.attendance.rules.requests.WantedStatus",
        "FlagKind": "tenant_apps.attendance.rules.reviews.FlagKind",
        "FlagState": "tenant_apps.attendance.rules.reviews.FlagState",
        "NoticeKind": "tenant_apps.notifications.rules.kinds.NoticeKind",
        "Outcome": "tenant_apps.attendance.rules.scans.Outcome",
        "RowOutcome": "tenant_apps.attendance.rules.imports.RowOutcome",
        "ScanCode": "tenant_apps.attendance.rules.scans.Code",
        "VenueState": "tenant_apps.attendance.rules.venue_codes.VenueState",
        "ScannerKind": "tenant_apps.attendance.rules.scanners.ScannerKind",
        "UploadKind": "tenant_apps.uploads.rules.UploadKind",
        "MediaType": "tenant_apps.uploads.rules.MediaType",
        "ExportState": "tenant_apps.exports.rules.exports.ExportState",
        "ExportFormat": "tenant_apps.exports.rules.exports.ExportFormat",
        "RunState": "tenant_apps.certificates.rules.RunState",
        "TransferState": "shared_apps.federation.rules.TransferState",
        "TransferDirection": "shared_apps.federation.rules.TransferDirection",
        "OverlapKind": "tenant_apps.events.rules.repetition.OverlapKind",
        "ScannerState": "tenant_apps.attendance.rules.scanners.ScannerState",
        "RollUpKind": "shared_apps.federation.rules.RollUpKind",
        "PersonKind": "tenant_apps.reports.rules.PersonKind",
        "Role": "shared_apps.accounts.roles.Role",
    },
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": True, "displayRequestDuration": True, "docExpansion": "none"},
}

CORS_ALLOWED_ORIGINS: list[str] = []  # decided per campus by tenants.cors, from the registry
CORS_ALLOW_CREDENTIALS = False  # no cookies on campus APIs
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = [
    "accept", "authorization", "content-type", "idempotency-key", "last-event-id", "x-campus-context", "x-request-id",
]  # fmt: skip
CORS_EXPOSE_HEADERS = ["x-request-id", "retry-after", "idempotent-replayed"]
CORS_PREFLIGHT_MAX_AGE = 600
DEVELOPMENT_ORIGINS = (
    []
    if ENVIRONMENT == PRODUCTION
    else [r"http://localhost:5173", r"http://127\.0\.0\.1:5173", r"http://[a-z0-9-]+\.localhost:5173"]
)

# --- The public site's admin --------------------------------------------------------------------
# Its cookies are of that host alone: no Domain, and in production browsers insist on it (__Host-).
SECURE_COOKIES = ENVIRONMENT == PRODUCTION
COOKIE_PREFIX = "__Host-" if SECURE_COOKIES else ""
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}eas-csrf"
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE = SECURE_COOKIES
CSRF_COOKIE_HTTPONLY = SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = SESSION_COOKIE_SAMESITE = "Strict"
CSRF_FAILURE_VIEW = "shared_apps.administration.pages.base.refuse_forged"
MESSAGE_STORAGE = "shared_apps.administration.pages.messages.Messages"
UNFOLD = {
    "SITE_TITLE": "EAS",
    "SITE_HEADER": "EAS",
    "SITE_SUBHEADER": "The university at a glance",
    "SITE_SYMBOL": "how_to_reg",
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "ENVIRONMENT": None,
    "STYLES": ["/static/administration/pages.css"],
    "SIDEBAR": {"navigation": "shared_apps.administration.navigation.list_pages"},
    "ACCOUNT": {"navigation": "shared_apps.administration.navigation.list_account_links"},
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(62.3% .214 259.815)",
            "600": "oklch(54.6% .245 262.881)",
            "700": "oklch(48.8% .243 264.376)",
            "800": "oklch(42.4% .199 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        }
    },
}

# --- Static files (the API's documentation page, the admin) --------------------------------------------------
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # nothing to collect before the first start

# --- Security -------------------------------------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "no-referrer"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if ENV["EAS_TLS"] and ENVIRONMENT == PRODUCTION:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = False  # the parent domain is not ours alone
    SECURE_HSTS_PRELOAD = False
# HSTS for sibling hosts is their owners' word; cookies and forms are the admin's alone, and its pages set the headers
# and check the token themselves (administration.pages.base), so neither the API nor campuses have that middleware.
SILENCED_SYSTEM_CHECKS = [
    "security.W005", "security.W021", "security.W002", "security.W003",
    "admin.E408", "admin.E409", "admin.E410",
    "auth.W004",  # names are unique in any case: a constraint of accounts
]  # fmt: skip

logging.captureWarnings(ENVIRONMENT != DEVELOPMENT)
LOGGING = logging_config(json_lines=ENVIRONMENT != DEVELOPMENT, level=ENV["EAS_LOG_LEVEL"])
