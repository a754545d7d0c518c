from django.http import JsonResponse

from chat.models import Message


def shown(request, conversation):
    said = Message.objects.filter(conversation=conversation).order_by("pk")
    return JsonResponse({"messages": list(said.values("role", "content"))})
