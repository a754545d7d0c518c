"""Django's settings for the server that runs by itself. Everything to choose is chosen by environment variables.

`headrace.common.conf` documents those named `HEADRACE_…`; besides them there is `DATABASE_URL`. A project of your own
has its own settings and needs none of this.
"""

from __future__ import annotations

import os
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from django.core.management.utils import get_random_secret_key

from headrace.common.conf import SettingError, load
from headrace.common.encryption import derived_from
from headrace.common.keyfile import read_or_make
from headrace.config.databases import database
from headrace.config.logs import logging_settings

_PACKAGE = Path(__file__).resolve().parents[1]
_chosen = load()
_logins = _chosen.auth == "required"
if _logins and find_spec("axes") is None:
    raise SettingError('HEADRACE_AUTH=required needs what signs people in: pip install "headrace[people]"')

if _chosen.secret_keys:  # what machines share, or who signed in at one would be nobody at the next
    SECRET_KEY = derived_from(_chosen.secret_keys[-1], "sessions").hex()
else:
    SECRET_KEY = read_or_make(_chosen.data_dir / "django.key", get_random_secret_key)
DEBUG = False
ALLOWED_HOSTS = ["*"]  # the access guard has looked at `Host` before anybody uses it, with better words

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "headrace.projects",
    "headrace.llm",
    "headrace.people",
    "headrace.stats",
    *(["axes"] if _logins else []),
]
MIDDLEWARE = [
    "headrace.faces.refusals.api_errors",
    "headrace.common.guard.access_middleware",  # sessions are found by the keeper of people, off this path
]
ROOT_URLCONF = "headrace.config.urls"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_PACKAGE / "templates"],
        "OPTIONS": {"context_processors": []},
    }
]
WSGI_APPLICATION = "headrace.config.wsgi.application"

DATABASES = {"default": database(os.environ.get("DATABASE_URL", "").strip(), _chosen.data_dir)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
DATA_UPLOAD_MAX_MEMORY_SIZE = _chosen.max_body_bytes
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 86_400
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("MinimumLengthValidator", {"min_length": 10}),
        ("CommonPasswordValidator", {}),
        ("UserAttributeSimilarityValidator", {}),
    )
]
if _logins:
    LOGIN_URL = "/sign/in"
    AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
    AXES_FAILURE_LIMIT = 5
    AXES_COOLOFF_TIME = timedelta(minutes=15)
    AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]  # by name alone, anybody could lock the owner out
    AXES_CLIENT_IP_CALLABLE = "headrace.people.addresses.counted_address"
    AXES_RESET_ON_SUCCESS = True
    AXES_DISABLE_ACCESS_LOG = True
    AXES_VERBOSE = False
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LOGGING = logging_settings(_chosen.log_format)
