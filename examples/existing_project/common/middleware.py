from asgiref.sync import iscoroutinefunction
from django.utils.decorators import sync_and_async_middleware


@sync_and_async_middleware
def company_header(get_response):
    """Native in both worlds, so that it costs a stream no thread."""
    if iscoroutinefunction(get_response):

        async def middleware(request):
            response = await get_response(request)
            response["X-Company"] = "Example"
            return response

    else:

        def middleware(request):
            response = get_response(request)
            response["X-Company"] = "Example"
            return response

    return middleware
