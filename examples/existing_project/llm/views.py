from django.conf import settings
from rest_framework.response import Response
from rest_framework.views import APIView

from headrace import LLMService


class SummaryView(APIView):
    """Django REST framework and a whole answer."""

    def post(self, request):
        answer = LLMService(settings.MODEL).chat([{"role": "user", "content": f"Summarise: {request.data['text']}"}])
        return Response({"summary": answer.content, "reason": answer.finish_reason})
