"""The URL table of somebody else's project that includes Headrace under an address of its own."""

from django.urls import include, path

urlpatterns = [
    path("ai/", include("headrace.urls")),
    path("openai/v1/", include("headrace.gateway.urls")),
    path("models/", include("headrace.faces.urls")),
    path("watch/figures", include("headrace.common.monitoring.urls")),
]
