"""Step two: the whole endpoint under an address of yours. Still no app, no migration, no database."""

SECRET_KEY = "for this example only"
DEBUG = True
ROOT_URLCONF = "mysite.urls"
INSTALLED_APPS = ["django.contrib.staticfiles"]  # whatever you have; nothing of Headrace
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
STATIC_URL = "static/"
WSGI_APPLICATION = "mysite.wsgi.application"
