"""Somebody's Django project that has taken Headrace in, as `docs/clients.md` says: its CSRF middleware on."""

from __future__ import annotations

import os
from pathlib import Path

SECRET_KEY = "for tests"
DEBUG = True  # static files are found where they lie
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "tests.web.site_urls"
STATIC_URL = "/static/"
STATICFILES_DIRS = [os.environ["SITE_TEMPLATES"]]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.staticfiles",
    "headrace",
    "headrace.projects",
    "headrace.llm",
]
MIDDLEWARE = ["django.middleware.csrf.CsrfViewMiddleware"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [os.environ.get("SITE_TEMPLATES", "")],
        "OPTIONS": {"context_processors": ["django.template.context_processors.csrf"]},
    }
]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(os.environ["HEADRACE_DATA_DIR"]) / "site.sqlite3"}
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
