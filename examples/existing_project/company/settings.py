"""A project as they grow: own users, apps with everyday names, transactions around requests, logins everywhere.

Django Ninja and Django REST framework stand side by side. What is Headrace's stands at the end.
"""

import json
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = "for this example only"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "company.urls"
WSGI_APPLICATION = "company.wsgi.application"
FORCE_SCRIPT_NAME = os.environ.get("SCRIPT_NAME_FORCED") or None
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "rest_framework",
    "accounts",
    "projects",
    "llm",
    "stats",
    "common",
    "headrace.projects",
    "headrace.llm",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "common.middleware.company_header",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DATABASE") or BASE_DIR / "db.sqlite3",
        "ATOMIC_REQUESTS": True,
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},
        "TEST": {"NAME": BASE_DIR / "test.sqlite3"},  # hooks have connections of their own: not in memory
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.Person"
LOGIN_URL = "/login/"
STATIC_URL = "static/"
REST_FRAMEWORK = {"DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"]}

MODEL = json.loads(os.environ.get("MODEL") or '{"providerId": "local"}')
HEADRACE = {
    "AUTH": "required",
    "ALLOWED_HOSTS": ["ai.company.example"],
    "SECRET_KEYS": ["Zm9yIHRoaXMgZXhhbXBsZSBvbmx5LCBubyBzZWNyZXQ="],
    "RESOLVE_PROJECT": "projects.access.resolve_project",
    "AUTHORIZE": "projects.access.authorize",
    "BEFORE_STREAM": "llm.house_rules.before_stream",
    "AFTER_STREAM": "stats.recording.after_stream",
}
