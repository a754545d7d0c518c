"""`/metrics` for a project of your own: `path("metrics", include("headrace.common.monitoring.urls"))`."""

from __future__ import annotations

from django.urls import path

from headrace.common.monitoring.view import metrics_page

urlpatterns = [path("", metrics_page, name="headrace-metrics")]
