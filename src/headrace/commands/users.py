"""`headrace users`: what the operator does about people without e-mail. Links are printed, secrets are never kept."""

from __future__ import annotations

import argparse
import os
from typing import Any

from headrace.commands.terminal import CommandError, say
from headrace.common.conf import Settings, get_settings


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; the exit status."""
    set_up()
    action, name = arguments.action, arguments.name
    if action == "list":
        return _list()
    if action == "first-owner":
        return _first_owner(arguments.url)
    user = _named(name)
    if action == "reset":
        from headrace.people.links import reset_link

        say(f"{user.get_username()} chooses a new password here, once, within 24 hours:")
        say(public_address(get_settings(), arguments.url) + reset_link(user).path)
        return 0
    user.is_active = action == "enable"
    user.save(update_fields=["is_active"])
    say(f"{user.get_username()} may sign in again." if user.is_active else _CLOSED.format(name=user.get_username()))
    return 0


NOBODY = "Nobody has an account yet. The first owner makes theirs here, once, within 24 hours:"
_CLOSED = "{name} may no longer sign in; what they have open ends within seconds."


def set_up() -> None:
    """Django, on the settings of the server or of the project that this is part of."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "headrace.config.settings")
    import django

    django.setup()


def public_address(settings: Settings, given: str = "", default: str = "http://127.0.0.1:8000") -> str:
    """Where people reach this server, as far as it can know: what was given, a host that is allowed, or here."""
    host = next((host for host in settings.allowed_hosts if host != "*" and not host.startswith(".")), "")
    return given.rstrip("/") or (f"https://{host}" if host else default)


def _named(name: str) -> Any:
    from django.contrib.auth import get_user_model

    model = get_user_model()
    user = model.objects.filter(**{model.USERNAME_FIELD: name}).first() if name else None
    if user is None:
        raise CommandError(f"There is nobody named {name!r}: headrace users list" if name else "Whose account? A name.")
    return user


def _list() -> int:
    from django.contrib.auth import get_user_model

    users = get_user_model().objects.order_by("pk")
    if not users:
        say("Nobody has an account yet: headrace users first-owner")
    for user in users:
        seen = f"{user.last_login:%F}" if user.last_login else "never"
        roles = ", ".join(f"{each.role} of {each.project}" for each in _memberships(user))
        notes = [note for note, said in (("operator", user.is_superuser), ("closed", not user.is_active)) if said]
        say("  ".join([user.get_username(), f"signed in: {seen}", *notes, roles]).rstrip())
    return 0


def _memberships(user: Any) -> Any:
    from headrace.projects.models import Membership

    return Membership.objects.filter(user=user).select_related("project")


def _first_owner(url: str) -> int:
    text = first_owner_text(public_address(get_settings(), url))
    if not text:
        raise CommandError("This server has people already; its owner invites more.")
    say(text)
    return 0


def first_owner_text(address: str) -> str:
    """What to print where nobody has an account yet; empty once somebody does."""
    from headrace.people.links import first_owner_link

    made = first_owner_link()
    if made is None:
        return ""
    return f"{NOBODY}\n\n{address}{made.path}\n"
