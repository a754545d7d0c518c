"""The server as a WSGI application, for gunicorn and its like. A reader that left is noticed by the next write."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "headrace.config.settings")

application = get_wsgi_application()
