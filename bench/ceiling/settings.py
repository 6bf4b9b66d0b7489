"""Django with nothing in it."""

import os

import environ

SECRET_KEY = "measured, not secret"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "bench.ceiling.urls"
WSGI_APPLICATION = "bench.ceiling.wsgi.application"
INSTALLED_APPS: list[str] = []
MIDDLEWARE: list[str] = []
USE_TZ = True
DATABASES = {"default": {**environ.Env.db_url_config(os.environ["DATABASE_URL"]), "CONN_MAX_AGE": None}}
PASS_KEY = bytes.fromhex(os.environ["BENCH_PASS_KEY"])
