import os

from django.core.asgi import get_asgi_application

from headrace import draining

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
application = draining(get_asgi_application())  # streams that still run when the server ends are saved too
