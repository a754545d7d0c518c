"""The addresses below `/sign/` of the server that runs by itself. A project of your own has its own."""

from django.urls import path

from headrace.people.oidc import oidc_callback, oidc_start
from headrace.people.pages import sign_in, sign_link, sign_out

urlpatterns = [
    path("in", sign_in, name="sign-in"),
    path("out", sign_out, name="sign-out"),
    path("link", sign_link, name="sign-link"),
    path("oidc", oidc_start, name="sign-oidc"),
    path("oidc/callback", oidc_callback, name="sign-oidc-callback"),
]
