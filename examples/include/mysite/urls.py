from django.urls import include, path

urlpatterns = [path("ai/", include("headrace.urls"))]
