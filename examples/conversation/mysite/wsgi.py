import os

from django.core.wsgi import get_wsgi_application

from headrace import drain_on_sigterm

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
application = get_wsgi_application()
drain_on_sigterm()  # streams that still run when the server ends are saved too
