"""As ``startproject`` and the documentation of django-tenants and DRF leave it."""

import os

import environ

TUNED = os.environ.get("BENCH_TUNED") == "1"
SECRET_KEY = "measured, not secret"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "bench.ordinary.urls"
PUBLIC_SCHEMA_URLCONF = "bench.ordinary.urls"
WSGI_APPLICATION = "bench.ordinary.wsgi.application"
SHARED_APPS = ["django_tenants", "bench.ordinary.campuses", "django.contrib.contenttypes", "django.contrib.staticfiles"]
TENANT_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "rest_framework",
    "rest_framework.authtoken",
    "bench.ordinary.attendance",
]
INSTALLED_APPS = SHARED_APPS + [app for app in TENANT_APPS if app not in SHARED_APPS]
TENANT_MODEL = "campuses.Campus"
TENANT_DOMAIN_MODEL = "campuses.Domain"
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
AUTH_USER_MODEL = "attendance.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MIDDLEWARE = [
    "bench.ordinary.tuned.CachedTenantMiddleware" if TUNED else "django_tenants.middleware.main.TenantMainMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DATABASES = {
    "default": {
        **environ.Env.db_url_config(os.environ["DATABASE_URL"]),
        "ENGINE": "django_tenants.postgresql_backend",
        **({"CONN_MAX_AGE": 600} if TUNED else {}),
    }
}
if TUNED:
    TENANT_LIMIT_SET_CALLS = True
USE_TZ = True
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
