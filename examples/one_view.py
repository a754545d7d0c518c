"""Step one: an answer streamed from a view of your own. No app, no migration, no database; under ASGI or WSGI.

uvicorn one_view:asgi
gunicorn --threads 8 one_view:wsgi
curl -N 'http://127.0.0.1:8000/ask?q=Why+is+the+sky+blue'
"""

import json
import os

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.urls import path

settings.configure(SECRET_KEY="for this example only", ALLOWED_HOSTS=["127.0.0.1", "localhost"], ROOT_URLCONF=__name__)

from headrace import LLMService, create_streaming_response  # noqa: E402

MODEL = json.loads(os.environ.get("MODEL") or '{"providerId": "local"}')


def ask(request):
    stream = LLMService(MODEL).stream_chat([{"role": "user", "content": request.GET["q"]}])
    return create_streaming_response(stream, request=request)


async def ask_async(request):
    stream = await LLMService(MODEL).astream_chat([{"role": "user", "content": request.GET["q"]}])
    return create_streaming_response(stream, request=request)


urlpatterns = [path("ask", ask), path("ask-async", ask_async)]
asgi = get_asgi_application()
wsgi = get_wsgi_application()
