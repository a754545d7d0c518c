from accounts.views import log_in
from django.contrib import admin
from django.urls import include, path
from llm.views import SummaryView
from stats.api import api

urlpatterns = [
    path("admin/", admin.site.urls),
    path("login/", log_in),
    path("api/", api.urls),
    path("summaries/", SummaryView.as_view()),
    path("ai/", include("headrace.urls")),
]
