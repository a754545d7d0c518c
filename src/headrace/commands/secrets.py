"""`headrace secrets`: seal stored keys under a new key while the server runs. No key is ever printed.

Where `HEADRACE_SECRET_KEYS` gives the keys, the operator changes them and this seals anew; else the key file has one
key a line, the newest first, and servers read it again within seconds.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from headrace.commands.terminal import CommandError, say
from headrace.commands.users import set_up
from headrace.common.conf import get_settings
from headrace.common.encryption import KEY_FILE, KEYS_SECONDS, Sealed, SealError, is_newest, new_key
from headrace.common.keyfile import read_or_make, replace


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; the exit status."""
    set_up()
    if arguments.action == "rotate":
        return _rotate()
    return _forget_old() if arguments.action == "forget-old" else _status()


def _rotate() -> int:
    settings = get_settings()
    if not settings.secret_keys:
        path = settings.data_dir / KEY_FILE
        replace(path, "\n".join([new_key(), *read_or_make(path, new_key).split()]))
        say("A new key is in front; waiting until every server has read it …")
        time.sleep(2 * KEYS_SECONDS)
    done, lost = reseal()
    say(f"{done} stored keys are sealed under the newest key." + _lost(lost))
    say("The old key still opens backups. To let it go: headrace secrets forget-old")
    return 1 if lost else 0


def _forget_old() -> int:
    settings = get_settings()
    if settings.secret_keys:
        raise CommandError("HEADRACE_SECRET_KEYS names the keys: take the old ones out of it.")
    left = sum(not is_newest(token) for _, _, token in rows())
    if left:
        raise CommandError(f"{left} stored keys still need an old key. First: headrace secrets rotate")
    path = settings.data_dir / KEY_FILE
    replace(path, read_or_make(path, new_key).split()[0])
    say("Only the newest key is left.")
    return 0


def _status() -> int:
    tokens = [token for _, _, token in rows()]
    say(f"{len(tokens)} stored keys, {sum(map(is_newest, tokens))} of them sealed under the newest key.")
    return 0


def rows() -> list[tuple[Any, str, str]]:
    """Every sealed value there is: its model's row by key, the column, the token."""
    from django.apps import apps

    from headrace.common.fields import SealedField

    found = []
    for model in apps.get_models():
        for field in (each for each in model._meta.concrete_fields if isinstance(each, SealedField)):
            kept = model._default_manager.exclude(**{field.name: ""}).values_list("pk", field.name)
            found += [((model, pk), field.name, sealed.token) for pk, sealed in kept]
    return found


def reseal() -> tuple[int, int]:
    """Seal everything under the newest key; how many are, and how many no key opens. A row changed meanwhile wins."""
    done = lost = 0
    for (model, pk), column, token in rows():
        try:
            if not is_newest(token):
                fresh = Sealed(token).resealed()
                model._default_manager.filter(pk=pk, **{column: Sealed(token)}).update(**{column: fresh})
            done += 1
        except SealError:
            lost += 1
    return done, lost


def _lost(number: int) -> str:
    return f" {number} cannot be opened by any key: enter them again." if number else ""
