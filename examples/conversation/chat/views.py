from django.conf import settings
from django.views.decorators.http import require_POST

from chat.models import Message
from headrace import LLMService, create_streaming_response


def save(result):  # once for each stream, whatever became of it, also when nobody reads any more
    if result.content:
        Message.objects.create(conversation=result.metadata["conversation"], role="assistant", content=result.content)


@require_POST
def ask(request, conversation):
    said = Message.objects.filter(conversation=conversation).order_by("pk")
    said.create(conversation=conversation, role="user", content=request.POST["q"])
    stream = LLMService(settings.MODEL, after_stream=save).stream_chat(
        said.values("role", "content"),
        metadata={"conversation": str(conversation)},
        streamOptions={"onDisconnect": "continue"},  # a closed tab ends a reader, not the answer
    )
    return create_streaming_response(stream, request=request)
