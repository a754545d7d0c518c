from django.conf import settings

from llm.models import HouseRule


async def before_stream(chat):
    """The site says which model answers, so that no key comes from a browser, and what it is told first."""
    rules = [{"role": "system", "content": rule.text} async for rule in HouseRule.objects.all()]
    return chat.changed(model=settings.MODEL, messages=[*rules, *chat.messages])
